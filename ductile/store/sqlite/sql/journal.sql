-- The journal.

-- rows: insert_entry
-- Writes one row of the journal.
INSERT INTO journal (at, kind, job_id, data) VALUES (:at, :kind, :job_id, :data);

-- name: journal_after
-- Reads the next :limit rows of the journal behind :after, each with the job it speaks of while that or its attempt stands.
SELECT
    n.seq, n.at, n.kind, n.job_id, n.data,
    coalesce(j.plugin, (SELECT a.plugin FROM attempts AS a WHERE a.job_id = n.job_id LIMIT 1)),
    coalesce(j.command, (SELECT a.command FROM attempts AS a WHERE a.job_id = n.job_id LIMIT 1)),
    j.root_id, j.parent_id, j.step
FROM journal AS n LEFT JOIN jobs AS j ON j.id = n.job_id
WHERE n.seq > :after
ORDER BY n.seq LIMIT :limit;

-- name: newest_entry
-- Reads the number of the journal's newest row.
SELECT coalesce(max(seq), 0) FROM journal;
