-- Events: what jobs were given and emitted, and what they led to.

-- fragment: event_columns
-- What an Event is read from, in the order of its fields.
id, type, payload, source, created_at, dedupe_key, job_id, root_id, pipeline, step

-- rows: insert_event
-- Stores an event with its payload.
INSERT INTO events (id, type, source, payload, dedupe_key, job_id, root_id, pipeline, step, created_at)
VALUES (:id, :type, :source, :payload, :dedupe_key, :job_id, :root_id, :pipeline, :step, :created_at);

-- rows: insert_outside_event
-- Stores an event that no job emitted.
INSERT INTO events (id, type, source, payload, dedupe_key, created_at)
VALUES (:id, :type, :source, :payload, :dedupe_key, :created_at);

-- name: causes
-- Reads what led to an event, nearest first and at most :limit: event types, and the roots whose jobs emitted them.
WITH RECURSIVE causes (n, event_type, plugin, command, cause_event_id) AS (
    SELECT 1, e.type, r.plugin, r.command, r.cause_event_id
    FROM events AS e INNER JOIN jobs AS r ON r.id = e.root_id
    WHERE e.id = :event_id
    UNION ALL
    SELECT causes.n + 1, e.type, r.plugin, r.command, r.cause_event_id
    FROM causes INNER JOIN events AS e ON e.id = causes.cause_event_id INNER JOIN jobs AS r ON r.id = e.root_id
    WHERE causes.n < :limit
)
SELECT event_type, plugin, command FROM causes;

-- name: find_answer
-- Finds what was answered to a posted event with this idempotency key, unless that has expired.
SELECT body_hash, job_id, answer FROM idempotency
WHERE principal = :principal AND method = :method AND path = :path AND "key" = :key AND expires_at > :now;

-- name: set_answer
-- Remembers what was answered to a posted event with an idempotency key, in place of an expired one.
INSERT OR REPLACE INTO idempotency (principal, method, path, "key", body_hash, job_id, expires_at, answer)
VALUES (:principal, :method, :path, :key, :body_hash, :event_id, :expires_at, :answer);

-- name: event
-- Reads an event.
SELECT ${event_columns} FROM events WHERE id = :id;

-- name: emitted
-- Reads what a job emitted.
SELECT ${event_columns} FROM events WHERE job_id = :job_id ORDER BY id;

-- name: emitted_in_run
-- Reads what the steps of a run emitted.
SELECT
    e.id, e.type, e.payload, e.source, e.created_at, e.dedupe_key, e.job_id, e.root_id, e.pipeline, e.step
FROM jobs AS s INNER JOIN events AS e ON e.job_id = s.id
WHERE s.root_id = :root_id AND s.parent_id IS NOT NULL
ORDER BY e.id;

-- name: started
-- Reads the roots that a job's events started.
SELECT s.id, s.plugin, s.command
FROM events AS e INNER JOIN jobs AS s ON s.cause_event_id = e.id
WHERE e.job_id = :job_id
ORDER BY s.id;
