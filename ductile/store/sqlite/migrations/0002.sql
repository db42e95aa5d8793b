-- Logs: what ended attempts said can be listed by kind and searched; a job knows which one it repeats.
BEGIN IMMEDIATE;
PRAGMA user_version = 2;

-- The job or run that this one repeats.
ALTER TABLE jobs ADD COLUMN retry_of TEXT;

-- Lists of attempts, newest first: one run of rows for each kind that there is.
CREATE INDEX attempts_kind ON attempts (plugin, command, outcome, submitted_by, ended_at);

-- What of an attempt is searched, each part up to its first million characters: of the result every name and value, but
-- not what the plugin remembers. Facets are words that stand for the filters. The full text holds no copy of this: it
-- is read again to take an attempt out, so it must not change without all of the full text being made anew.
CREATE VIEW attempt_words AS
SELECT
    a.rowid AS id,
    CASE WHEN length(CAST(a.error AS BLOB)) > 1000000 THEN substr(a.error, 1, 1000000) ELSE a.error END AS error,
    a.stderr AS stderr,
    (
        SELECT substr(group_concat(w.word, char(10)), 1, 1000000)
        FROM (
            SELECT
                CASE WHEN typeof(t.key) = 'text' AND t.fullkey <> '$.result' THEN t.key || char(10) ELSE '' END
                || CASE WHEN t.type IN ('true', 'false', 'null') THEN t.type ELSE coalesce(t.atom, '') END AS word
            FROM json_tree(
                CASE
                    WHEN NOT json_valid(CAST(a.result AS TEXT)) THEN '{}'
                    WHEN instr(a.result, x'5c7530303030') > 0
                        THEN replace(replace(CAST(a.result AS TEXT), '\\', '\u005c'), '\u0000', ' ')
                    ELSE CAST(a.result AS TEXT)
                END,
                '$.result'
            ) AS t
        ) AS w
    ) AS result,
    'p' || hex(a.plugin) || ' c' || hex(a.command) || ' o' || hex(a.outcome) || ' s' || hex(a.submitted_by)
    || ' d' || (a.ended_at / 86400000) || ' h' || (a.ended_at / 3600000) AS facets
FROM attempts AS a;

-- The full text of attempts up to the one that meta names as 'logs_indexed'.
CREATE VIRTUAL TABLE attempt_text USING fts5(
    error, stderr, result, facets, content = 'attempt_words', content_rowid = 'id', columnsize = 0
);

COMMIT;
