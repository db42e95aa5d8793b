-- Jobs: inserts, single jobs, lists, counts, and cancelling.

-- fragment: job_columns
-- What a Job is read from, in the order of its fields.
id, root_id, parent_id, plugin, command, lane, state, attempt, lost, max_attempts, priority, step, definition, depth,
hops, route, principal, submitted_by, request_id, context_id, created_at, started_at

-- fragment: view_columns
-- What a JobView is read from: the job (j) and its last ended attempt (a), in the order of the view's fields.
j.id, j.root_id, j.parent_id, j.plugin, j.command, j.lane, j.state, j.held_reason, j.step, j.attempt, j.lost, j.max_attempts,
j.priority, j.run_at, j.principal, j.submitted_by, j.request_id, j.hops, j.definition, j.generation, j.cancel_at,
j.created_at, j.started_at, j.ended_at, coalesce(j.error, a.error), a.result, a.logs, a.stdout, a.stderr, a.exit_code,
j.retry_of, j.cause_event_id

-- fragment: job_row_columns
-- What a JobRow is read from, in the order of its fields.
id, plugin, command, state, attempt, created_at, started_at, ended_at, parent_id, lane, run_at, held_reason, cancel_at

-- fragment: last_attempt
-- Joins the last ended attempt (a) to a job (j).
LEFT JOIN attempts AS a
    ON a.job_id = j.id
    AND a.attempt = (SELECT max(last.attempt) FROM attempts AS last WHERE last.job_id = j.id)

-- rows: add_count
-- Adds :n to how many jobs of a command stand in a state.
INSERT INTO counts (plugin, command, state, n) VALUES (:plugin, :command, :state, :n)
ON CONFLICT (plugin, command, state) DO UPDATE SET n = n + excluded.n;

-- rows: insert_job
-- Inserts a plain queued job.
INSERT INTO jobs (
    id, root_id, cause_event_id, plugin, command, lane, state, due, max_attempts, priority, run_at, event_id, route,
    hops, principal, submitted_by, request_id, dedupe_key, generation, created_at
) VALUES (
    :id, :id, :cause_event_id, :plugin, :command, :plugin, 'queued', :due, :max_attempts, :priority, :run_at, :event_id,
    :route, :hops, :principal, :submitted_by, :request_id, :dedupe_key, :generation, :now
);

-- rows: insert_root
-- Inserts the root of a run with the counters of its entry steps, or a job that is refused.
INSERT INTO jobs (
    id, root_id, cause_event_id, definition, plugin, command, lane, state, max_attempts, priority, run_at, event_id,
    route, hops, principal, submitted_by, request_id, dedupe_key, generation, open_jobs, failed_jobs, created_at,
    started_at, ended_at, error
) VALUES (
    :id, :id, :cause_event_id, :definition, :plugin, :command, :lane, :state, :max_attempts, :priority, :run_at,
    :event_id, :route, :hops, :principal, :submitted_by, :request_id, :dedupe_key, :generation, :open_jobs,
    :failed_jobs, :now, :started_at, :ended_at, :error
);

-- name: set_retry_of
-- Notes which job or run a new one repeats.
UPDATE jobs SET retry_of = :retry_of WHERE id = :id;

-- name: root_of_job
-- Reads the root of a job's run, or the job itself, and the event that started it.
SELECT ${job_columns}, event_id FROM jobs WHERE id = (SELECT asked.root_id FROM jobs AS asked WHERE asked.id = :id);

-- name: find_duplicate
-- Finds the newest start with the same key that is open, or succeeded at :since or later.
SELECT id, state FROM jobs
WHERE
    plugin = :plugin AND command = :command AND dedupe_key = :dedupe_key
    AND (ended_at IS NULL OR state = 'succeeded')
    AND (ended_at IS NULL OR ended_at >= :since)
ORDER BY id DESC LIMIT 1;

-- name: find_idempotent
-- Finds what an idempotency key made, unless it has expired or the job is gone.
SELECT i.body_hash, j.id, j.state, j.plugin, j.command
FROM idempotency AS i INNER JOIN jobs AS j ON j.id = i.job_id
WHERE
    i.principal = :principal AND i.method = :method AND i.path = :path AND i."key" = :key AND i.expires_at > :now;

-- name: set_idempotent
-- Remembers what an idempotency key made, in place of an expired one.
INSERT OR REPLACE INTO idempotency (principal, method, path, "key", body_hash, job_id, expires_at)
VALUES (:principal, :method, :path, :key, :body_hash, :job_id, :expires_at);

-- name: job
-- Reads a job.
SELECT ${job_columns} FROM jobs WHERE id = :id;

-- name: job_state
-- Reads where a job stands.
SELECT state FROM jobs WHERE id = :id;

-- name: root
-- Reads a root and its error.
SELECT ${job_columns}, error FROM jobs WHERE id = :id;

-- name: cancel_waiting
-- Cancels one job that stands in :state, queued or held.
UPDATE jobs SET state = 'cancelled', ended_at = :now, held_reason = NULL
WHERE id = :id AND state = :state AND state IN ('queued', 'held')
RETURNING ${job_columns};

-- name: waiting_jobs
-- Reads which jobs between two ids wait, oldest first; a filter that is null lets everything pass.
SELECT j.id FROM jobs AS j
WHERE
    j.ended_at IS NULL AND j.id > :above AND j.id < :below AND j.lane IS NOT NULL
    AND j.plugin = coalesce(:plugin, j.plugin) AND j.command = coalesce(:command, j.command)
    AND j.state IN (SELECT value FROM json_each(:states))
    AND (
        :pipeline IS NULL
        OR EXISTS (
            SELECT 1 FROM jobs AS r WHERE r.id = j.root_id AND r.plugin = 'pipeline' AND r.command = :pipeline
        )
    )
ORDER BY j.id LIMIT :limit;

-- name: ask_to_cancel
-- Notes that a running job or run is to be cancelled.
UPDATE jobs SET cancel_at = coalesce(cancel_at, :now) WHERE id = :id AND state = 'running' RETURNING id;

-- name: job_view
-- Reads a job as it is shown, and whether it emitted anything.
SELECT ${view_columns}, EXISTS (SELECT 1 FROM events AS e WHERE e.job_id = j.id) AS emitted
FROM jobs AS j
${last_attempt}
WHERE j.id = :id;

-- name: root_view
-- Reads the root of a job's run as it is shown, and whether it emitted anything.
SELECT ${view_columns}, EXISTS (SELECT 1 FROM events AS e WHERE e.job_id = j.id) AS emitted
FROM jobs AS j
${last_attempt}
WHERE j.id = (SELECT asked.root_id FROM jobs AS asked WHERE asked.id = :id);

-- name: depth
-- Reads how many jobs stand in each state.
SELECT state, sum(n) FROM counts GROUP BY state;

-- name: all_counts
-- Reads how many jobs of each command stand in each state.
SELECT plugin, command, state, n FROM counts WHERE n > 0;

-- name: ended_since
-- Counts the ended jobs of each plugin and state whose ids stand behind one; where all do, the kept count says how many.
SELECT
    c.plugin, c.state,
    sum(CASE
        WHEN :id < (
            SELECT min(j.id) FROM jobs AS j
            WHERE j.ended_at IS NOT NULL AND j.plugin = c.plugin AND j.command = c.command AND j.state = c.state
        ) THEN c.n
        ELSE (
            SELECT count(*) FROM jobs AS j
            WHERE
                j.ended_at IS NOT NULL AND j.plugin = c.plugin AND j.command = c.command AND j.state = c.state
                AND j.id > :id
        )
    END)
FROM counts AS c
WHERE c.n > 0 AND c.state IN ('succeeded', 'failed', 'timed_out', 'dead', 'cancelled')
GROUP BY c.plugin, c.state;

-- name: list_all
-- Reads jobs between two ids that were made no earlier than a time, newest first.
SELECT ${job_row_columns} FROM jobs
WHERE id < :below AND id > :above AND created_at >= :since ORDER BY id DESC LIMIT :limit;

-- name: list_open
-- Reads unfinished jobs as list_all does; a filter that is null lets everything pass.
SELECT ${job_row_columns} FROM jobs
WHERE
    ended_at IS NULL AND id < :below AND id > :above AND created_at >= :since
    AND plugin = coalesce(:plugin, plugin) AND command = coalesce(:command, command)
    AND state IN (SELECT value FROM json_each(:states))
ORDER BY id DESC LIMIT :limit;

-- name: list_ended
-- Reads ended jobs of one command and state as list_all does.
SELECT ${job_row_columns} FROM jobs
WHERE
    ended_at IS NOT NULL AND plugin = :plugin AND command = :command AND state = :state AND id < :below AND id > :above
    AND created_at >= :since
ORDER BY id DESC LIMIT :limit;

-- name: count_all
-- Counts jobs above an id that were made no earlier than a time, to a limit.
SELECT count(*) FROM (SELECT 1 FROM jobs WHERE id > :above AND created_at >= :since LIMIT :limit);

-- name: count_open
-- Counts unfinished jobs as count_all does; a filter that is null lets everything pass.
SELECT count(*) FROM (
    SELECT 1 FROM jobs
    WHERE
        ended_at IS NULL AND id > :above AND created_at >= :since
        AND plugin = coalesce(:plugin, plugin) AND command = coalesce(:command, command)
        AND state IN (SELECT value FROM json_each(:states))
    LIMIT :limit
);

-- name: count_ended
-- Counts ended jobs of one command and state as count_all does.
SELECT count(*) FROM (
    SELECT 1 FROM jobs
    WHERE
        ended_at IS NOT NULL AND plugin = :plugin AND command = :command AND state = :state AND id > :above
        AND created_at >= :since
    LIMIT :limit
);
