-- Retention: what is deleted when it is old.

-- fragment: needed_by_none
-- The events whose emitter has gone, with its run and all other jobs that they started.
NOT EXISTS (SELECT 1 FROM jobs AS e WHERE e.id = events.job_id)
AND NOT EXISTS (SELECT 1 FROM jobs AS s WHERE s.cause_event_id = events.id)
AND NOT EXISTS (SELECT 1 FROM jobs AS r WHERE r.id = events.root_id)

-- name: old_roots
-- Reads the roots that ended before :before, oldest first, which of them are runs, and how many bytes each was given.
SELECT id, lane IS NULL, coalesce((SELECT length(e.payload) FROM events AS e WHERE e.id = jobs.event_id), 0) FROM jobs
WHERE ended_at IS NOT NULL AND parent_id IS NULL AND ended_at < :before
ORDER BY ended_at LIMIT :limit;

-- name: trim_steps
-- Deletes the newest :limit steps of an ended run; returns them.
DELETE FROM jobs
WHERE rowid IN (
    SELECT rowid FROM jobs WHERE root_id = :root_id AND parent_id IS NOT NULL ORDER BY id DESC LIMIT :limit
)
RETURNING id, plugin, command, state, event_id;

-- name: trim_alone
-- Deletes ended jobs that are no runs; returns them.
DELETE FROM jobs
WHERE
    id IN (SELECT value FROM json_each(:ids)) AND ended_at IS NOT NULL AND parent_id IS NULL AND lane IS NOT NULL
RETURNING id, plugin, command, state, event_id;

-- name: trim_root
-- Deletes an ended root whose steps are gone; returns it.
DELETE FROM jobs
WHERE
    id = :id AND ended_at IS NOT NULL AND parent_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM jobs AS s WHERE s.root_id = :id AND s.parent_id IS NOT NULL)
RETURNING id, plugin, command, state, event_id;

-- name: trim_emitted
-- Deletes the events that deleted jobs emitted, save those that started another job which still stands.
DELETE FROM events
WHERE
    job_id IN (SELECT value FROM json_each(:ids))
    AND NOT EXISTS (SELECT 1 FROM jobs AS s WHERE s.cause_event_id = events.id);

-- name: trim_input
-- Deletes the event that a deleted job was given, unless it is needed.
DELETE FROM events WHERE id = :id AND ${needed_by_none};

-- name: trim_inputs
-- Deletes the events that deleted jobs were given, save those that are needed.
DELETE FROM events WHERE id IN (SELECT value FROM json_each(:ids)) AND ${needed_by_none};

-- name: trim_skips
-- Deletes at most :limit skips of a root whose steps are gone.
DELETE FROM skips WHERE seq IN (SELECT seq FROM skips WHERE root_id = :root_id LIMIT :limit);

-- name: trim_contexts
-- Deletes at most :limit rows of baggage of a root whose steps are gone.
DELETE FROM contexts WHERE rowid IN (SELECT rowid FROM contexts WHERE root_id = :root_id LIMIT :limit);

-- name: old_attempts
-- Reads which of the oldest attempts, at most :limit, ended before :before, and how much there is to read of each; they
-- stand in the order they ended in.
SELECT o.seq, ${attempt_size}
FROM attempts AS o
WHERE o.seq IN (SELECT seq FROM attempts ORDER BY seq LIMIT :limit) AND o.ended_at < :before
ORDER BY o.seq;

-- name: trim_attempts
-- Deletes these attempts.
DELETE FROM attempts WHERE seq IN (SELECT value FROM json_each(:ids));

-- name: trim_journal
-- Deletes the oldest rows of the journal, at most :limit, written before :before; the newest row always stays.
DELETE FROM journal
WHERE
    seq IN (SELECT seq FROM journal ORDER BY seq LIMIT :limit) AND at < :before
    AND seq < (SELECT max(seq) FROM journal);

-- name: trim_idempotency
-- Deletes the oldest idempotency keys, at most :limit, that have expired.
DELETE FROM idempotency
WHERE rowid IN (SELECT rowid FROM idempotency ORDER BY rowid LIMIT :limit) AND expires_at <= :now;

-- name: trim_counts
-- Forgets counts that have come to nothing.
DELETE FROM counts WHERE n = 0;
