-- Runs: definitions, baggage, steps, counters, and the end.

-- rows: insert_context
-- Stores a row of baggage.
INSERT INTO contexts (id, root_id, parent_id, "values") VALUES (:id, :root_id, :parent_id, :values);

-- name: insert_definition
-- Stores a compiled pipeline, the first time a run is pinned to it.
INSERT INTO definitions (hash, document, created_at) VALUES (:hash, :document, :now) ON CONFLICT (hash) DO NOTHING;

-- rows: insert_skip
-- Stores a step that a run passed by.
INSERT INTO skips (root_id, parent_id, node, reason, condition, "values")
VALUES (:root_id, :parent_id, :node, :reason, :condition, :values);

-- name: insert_child
-- Inserts a step of a run, unless the same event has reached the same node behind the same job before.
INSERT INTO jobs (
    id, root_id, parent_id, step, definition, plugin, command, lane, state, due, max_attempts, priority, run_at,
    event_id, context_id, route, depth, hops, principal, submitted_by, request_id, generation, created_at, ended_at,
    error
) VALUES (
    :id, :root_id, :parent_id, :step, :definition, :plugin, :command, :plugin, :state, :due, :max_attempts, :priority,
    :run_at, :event_id, :context_id, 1, :depth, :hops, :principal, :submitted_by, :request_id, :generation, :now,
    :ended_at, :error
)
ON CONFLICT (parent_id, step, event_id) WHERE parent_id IS NOT NULL DO NOTHING;

-- name: run_cancelled
-- Says whether a run is being cancelled.
SELECT cancel_at IS NOT NULL FROM jobs WHERE id = :id;

-- name: count_in_run
-- Changes a run's counters; returns how many of its jobs are open. Its error is that of the first failure.
UPDATE jobs SET
    open_jobs = open_jobs + :opened, failed_jobs = failed_jobs + :failed, error = coalesce(error, :error)
WHERE id = :id AND state = 'running' AND lane IS NULL
RETURNING open_jobs;

-- name: end_run
-- Ends a run of which nothing is open.
UPDATE jobs SET
    state = CASE WHEN cancel_at IS NOT NULL THEN 'cancelled' WHEN failed_jobs > 0 THEN 'failed' ELSE 'succeeded' END,
    ended_at = :now
WHERE id = :id AND state = 'running' AND lane IS NULL AND open_jobs = 0
RETURNING ${job_columns}, error;

-- name: failed_steps
-- Reads the failed steps of a run, oldest first.
SELECT j.id, j.plugin, j.command, j.attempt, coalesce(j.error, a.error)
FROM jobs AS j
${last_attempt}
WHERE
    j.root_id = :root_id AND j.parent_id IS NOT NULL AND j.state IN ('failed', 'timed_out', 'dead', 'cancelled')
ORDER BY j.ended_at, j.id;

-- name: last_steps
-- Reads the steps of a run that no other followed.
SELECT j.id, j.plugin, j.command, j.attempt, NULL
FROM jobs AS j
WHERE
    j.root_id = :root_id AND j.parent_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM jobs AS c WHERE c.parent_id = j.id)
ORDER BY j.id;

-- name: cancel_waiting_steps
-- Cancels all steps of a run that stand in :state, queued or held.
UPDATE jobs SET state = 'cancelled', ended_at = :now, held_reason = NULL
WHERE root_id = :root_id AND parent_id IS NOT NULL AND state = :state AND state IN ('queued', 'held')
RETURNING ${job_columns};

-- name: ask_to_cancel_run
-- Notes that a run is to be cancelled, if so many of its jobs are open and no more.
UPDATE jobs SET cancel_at = coalesce(cancel_at, :now)
WHERE id = :id AND state = 'running' AND lane IS NULL AND open_jobs = :open;

-- name: running_steps
-- Reads the ids of a run's running steps.
SELECT id FROM jobs WHERE root_id = :root_id AND parent_id IS NOT NULL AND state = 'running';

-- name: step_views
-- Reads the steps of a run as they are shown, oldest first.
SELECT ${view_columns}
FROM jobs AS j
${last_attempt}
WHERE j.root_id = :root_id AND j.parent_id IS NOT NULL
ORDER BY j.id;

-- name: skips
-- Reads what a run passed by.
SELECT parent_id, node, reason, condition, "values" FROM skips WHERE root_id = :root_id ORDER BY seq;

-- name: definition
-- Reads a compiled pipeline.
SELECT document FROM definitions WHERE hash = :hash;
