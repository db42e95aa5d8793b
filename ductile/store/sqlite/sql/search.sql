-- The full-text index of attempts.

-- fragment: search_matches
-- The attempts (a) whose text fits and that ended within a time, those written last first.
FROM attempt_text AS t CROSS JOIN attempts AS a ON a.seq = t.rowid
WHERE t.attempt_text MATCH :match AND a.ended_at >= :since AND a.ended_at <= :until

-- name: trim_index
-- Deletes the full text of these attempts from the open segment.
DELETE FROM attempt_text WHERE rowid IN (SELECT value FROM json_each(:ids));

-- name: unindexed
-- Reads the attempts behind :after, oldest first, how much there is to read of each, and whose they are.
SELECT o.seq, ${attempt_size}, o.job_id, o.attempt
FROM attempts AS o
WHERE o.seq > :after
ORDER BY o.seq LIMIT :limit;

-- name: index_attempts
-- Writes the full text of the attempts behind :after up to :through.
INSERT INTO attempt_text (rowid, error, stderr, result, facets)
SELECT id, error, stderr, result, facets FROM attempt_words WHERE id > :after AND id <= :through ORDER BY id;

-- name: words_of_attempt
-- Reads what of an attempt is searched.
SELECT w.id, a.job_id, a.attempt, w.error, w.stderr, w.result, w.facets
FROM attempt_words AS w INNER JOIN attempts AS a ON a.seq = w.id
WHERE w.id = :id;

-- name: index_words
-- Writes the full text of an attempt whose words were read before.
INSERT INTO attempt_text (rowid, error, stderr, result, facets) VALUES (:id, :error, :stderr, :result, :facets);

-- name: merge_text
-- Merges segments of the full text, as far as so many pages go.
INSERT INTO attempt_text (attempt_text, rank) VALUES ('merge', :pages);

-- name: text_bounds
-- Reads the single values of the full text, the row ids of the oldest and of the newest attempt, and the last attempts of
-- the oldest and of the newest full segment.
SELECT
    coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE "key" = :opened), 0),
    coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE "key" = :through), 0),
    coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE "key" = :size), 0),
    coalesce((SELECT min(seq) FROM attempts), 0),
    coalesce((SELECT max(seq) FROM attempts), 0),
    coalesce((SELECT min(last) FROM text_segments), 0),
    coalesce((SELECT max(last) FROM text_segments), 0);

-- name: segments
-- Reads the full segments that are searched and the last attempt of each, newest first.
SELECT n, last FROM text_segments WHERE last IS NOT NULL ORDER BY n DESC;

-- name: add_segment
-- Notes a segment that reaches up to an attempt; returns its number.
INSERT INTO text_segments (last) VALUES (:last) RETURNING n;

-- name: close_segment
-- Makes the open segment a full one, of the number that stands for 0.
ALTER TABLE attempt_text RENAME TO attempt_text_0;

-- name: create_segment
-- Makes an open segment, as the schema does.
CREATE VIRTUAL TABLE attempt_text USING fts5(
    error, stderr, result, facets, content = 'attempt_words', content_rowid = 'id', columnsize = 0
);

-- name: disable_automerge
-- Keeps a new segment from merging before it is told to.
INSERT INTO attempt_text (attempt_text, rank) VALUES ('automerge', 0);

-- name: raise_crisis_merge
-- Keeps a new segment from merging all at once before there are very many segments.
INSERT INTO attempt_text (attempt_text, rank) VALUES ('crisismerge', 256);

-- name: retire_segment
-- Takes a segment out of what is searched; its pages are still to be freed.
UPDATE text_segments SET last = NULL WHERE n = :segment;

-- name: retired_segment
-- Reads which segment is to be freed next.
SELECT n FROM text_segments WHERE last IS NULL ORDER BY n LIMIT 1;

-- name: free_segment_pages
-- Frees some pages of a segment. Rows 1 and 10 stay: without them SQLite does not know the table again.
DELETE FROM attempt_text_data WHERE id IN (SELECT id FROM attempt_text_data WHERE id > 10 LIMIT :limit);

-- name: free_segment_terms
-- Frees some of what leads to the pages of a segment.
DELETE FROM attempt_text_idx
WHERE (segid, term) IN (SELECT segid, term FROM attempt_text_idx LIMIT :limit);

-- name: drop_segment_tables
-- Drops the tables of a segment, of which next to nothing is left.
DROP TABLE attempt_text;

-- name: drop_segment
-- Forgets a segment.
DELETE FROM text_segments WHERE n = :segment;

-- name: search_of_job
-- Reads which of these attempts have a text that fits.
SELECT t.rowid FROM json_each(:ids) AS wanted CROSS JOIN attempt_text AS t ON t.rowid = wanted.value
WHERE t.attempt_text MATCH :match;

-- name: search_page
-- Reads which attempts below a row fit, newest first.
SELECT a.seq, a.ended_at ${search_matches} AND t.rowid < :below ORDER BY t.rowid DESC LIMIT :limit;

-- name: search_count
-- Counts the attempts that fit, at most :limit.
SELECT count(*) FROM (SELECT 1 ${search_matches} LIMIT :limit);
