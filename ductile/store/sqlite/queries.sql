-- Every statement of the store, by name. State changes name the state (and the attempt) they expect; their callers
-- check what came back, and no row means that nothing was changed.

-- fragment: job_columns
-- What a Job is read from, in the order of its fields.
id, root_id, parent_id, plugin, command, lane, state, attempt, lost, max_attempts, priority, step, definition, depth,
hops, route, principal, submitted_by, request_id, context_id, created_at, started_at

-- fragment: event_columns
-- What an Event is read from, in the order of its fields.
id, type, payload, source, created_at, dedupe_key, job_id, root_id, pipeline, step

-- fragment: view_columns
-- What a JobView is read from: the job (j) and its last ended attempt (a), in the order of the view's fields.
j.id, j.root_id, j.parent_id, j.plugin, j.command, j.lane, j.state, j.held_reason, j.step, j.attempt, j.lost, j.max_attempts,
j.priority, j.run_at, j.principal, j.submitted_by, j.request_id, j.hops, j.definition, j.generation, j.cancel_at,
j.created_at, j.started_at, j.ended_at, coalesce(j.error, a.error), a.result, a.logs, a.stdout, a.stderr, a.exit_code,
j.retry_of, j.cause_event_id

-- fragment: line_columns
-- What a JobRow is read from, in the order of its fields.
id, plugin, command, state, attempt, created_at, started_at, ended_at, parent_id, lane, run_at, held_reason, cancel_at

-- fragment: log_kinds
-- Every kind of attempt that there is, with one probe each, behind the last time that a kind can have: SQLite begins at
-- what is compared with, and would read the whole kind. The plus keeps the columns from an affinity, with which it would
-- look for the plugin alone.
WITH RECURSIVE kinds (plugin, command, outcome, submitted_by) AS (
    SELECT * FROM (
        SELECT plugin, command, outcome, submitted_by FROM attempts
        ORDER BY plugin, command, outcome, submitted_by LIMIT 1
    )
    UNION ALL
    SELECT a.plugin, a.command, a.outcome, a.submitted_by
    FROM kinds AS k
    INNER JOIN attempts AS a ON a.rowid = (
        SELECT n.rowid FROM attempts AS n
        WHERE
            (n.plugin, n.command, n.outcome, n.submitted_by, n.ended_at)
            > (+k.plugin, +k.command, +k.outcome, +k.submitted_by, 9223372036854775807)
        ORDER BY n.plugin, n.command, n.outcome, n.submitted_by, n.ended_at LIMIT 1
    )
)

-- fragment: log_size
-- How many bytes there are to read of an attempt (o).
coalesce(length(o.result), 0) + coalesce(length(CAST(o.error AS BLOB)), 0) + coalesce(length(CAST(o.stderr AS BLOB)), 0)

-- fragment: log_kind
-- The attempts (n) of one kind (k) that ended no later than a time.
n.plugin = k.plugin AND n.command = k.command AND n.outcome = k.outcome AND n.submitted_by = k.submitted_by
AND n.ended_at <= :until

-- fragment: log_filter
-- The kinds (k) that are asked for; a filter that is null lets everything pass.
k.plugin = coalesce(:plugin, k.plugin) AND k.command = coalesce(:command, k.command)
AND (:outcomes IS NULL OR k.outcome IN (SELECT value FROM json_each(:outcomes)))
AND k.submitted_by = coalesce(:submitted_by, k.submitted_by)

-- fragment: log_search
-- The attempts (a) whose text fits and that ended within a time, those written last first.
FROM attempt_text AS t CROSS JOIN attempts AS a ON a.rowid = t.rowid
WHERE t.attempt_text MATCH :match AND a.ended_at >= :since AND a.ended_at <= :until

-- fragment: needed_by_none
-- The events whose emitter has gone, with its run and all other jobs that they started.
NOT EXISTS (SELECT 1 FROM jobs AS e WHERE e.id = events.job_id)
AND NOT EXISTS (SELECT 1 FROM jobs AS s WHERE s.cause_event_id = events.id)
AND NOT EXISTS (SELECT 1 FROM jobs AS r WHERE r.id = events.root_id)

-- fragment: last_attempt
-- Joins the last ended attempt (a) to a job (j).
LEFT JOIN attempts AS a
    ON a.job_id = j.id
    AND a.attempt = (SELECT max(last.attempt) FROM attempts AS last WHERE last.job_id = j.id)

-- name: find_damage
-- Reads every page of the database. `ok`, or the first thing that is wrong.
PRAGMA quick_check(1);

-- name: configure_writer
-- Sets up the writer's connection: durable at every commit, and the only one that checkpoints. Only an empty database
-- takes the vacuum's mode, and only before its journal's.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 5000;
PRAGMA foreign_keys = OFF;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 16777216;
PRAGMA cache_size = -16384;
PRAGMA temp_store = MEMORY;

-- name: identify
-- Says whose database this is, its schema version, and how many objects it holds.
SELECT
    (SELECT application_id FROM pragma_application_id) AS application,
    (SELECT user_version FROM pragma_user_version) AS version,
    (SELECT count(*) FROM sqlite_master) AS objects;

-- name: begin
-- Opens a batch as the only writer.
BEGIN IMMEDIATE;

-- name: begin_read
-- Opens a reader's view of one moment.
BEGIN;

-- name: commit
-- Makes a batch durable.
COMMIT;

-- name: rollback
-- Undoes a whole batch.
ROLLBACK;

-- name: savepoint
-- Opens one operation inside a batch.
SAVEPOINT operation;

-- name: keep
-- Keeps what the operation wrote.
RELEASE operation;

-- name: undo
-- Undoes what the operation wrote.
ROLLBACK TO operation;

-- rows: add_count
-- Adds :n to how many jobs of a command stand in a state.
INSERT INTO counts (plugin, command, state, n) VALUES (:plugin, :command, :state, :n)
ON CONFLICT (plugin, command, state) DO UPDATE SET n = n + excluded.n;

-- rows: add_journal
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

-- name: set_meta
-- Sets a single value.
INSERT INTO meta ("key", value) VALUES (:key, :value)
ON CONFLICT ("key") DO UPDATE SET value = excluded.value;

-- name: get_meta
-- Reads a single value.
SELECT value FROM meta WHERE "key" = :key;

-- name: drop_meta
-- Takes a single value away.
DELETE FROM meta WHERE "key" = :key;

-- name: meta_between
-- Reads the single values whose keys stand from :low up to :high.
SELECT "key", value FROM meta WHERE "key" >= :low AND "key" < :high ORDER BY "key";

-- rows: insert_event
-- Stores an event with its payload.
INSERT INTO events (id, type, source, payload, dedupe_key, job_id, root_id, pipeline, step, created_at)
VALUES (:id, :type, :source, :payload, :dedupe_key, :job_id, :root_id, :pipeline, :step, :created_at);

-- rows: insert_given
-- Stores an event that no job emitted.
INSERT INTO events (id, type, source, payload, dedupe_key, created_at)
VALUES (:id, :type, :source, :payload, :dedupe_key, :created_at);

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

-- name: set_retry_of
-- Notes which job or run a new one repeats.
UPDATE jobs SET retry_of = :retry_of WHERE id = :id;

-- name: begun
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

-- name: find_idempotent
-- Finds what an idempotency key made, unless it has expired or the job is gone.
SELECT i.body_hash, j.id, j.state, j.plugin, j.command
FROM idempotency AS i INNER JOIN jobs AS j ON j.id = i.job_id
WHERE
    i.principal = :principal AND i.method = :method AND i.path = :path AND i."key" = :key AND i.expires_at > :now;

-- name: keep_idempotent
-- Remembers what an idempotency key made, in place of an expired one.
INSERT OR REPLACE INTO idempotency (principal, method, path, "key", body_hash, job_id, expires_at)
VALUES (:principal, :method, :path, :key, :body_hash, :job_id, :expires_at);

-- name: find_answer
-- Finds what was answered to a posted event with this idempotency key, unless that has expired.
SELECT body_hash, job_id, answer FROM idempotency
WHERE principal = :principal AND method = :method AND path = :path AND "key" = :key AND expires_at > :now;

-- name: keep_answer
-- Remembers what was answered to a posted event with an idempotency key, in place of an expired one.
INSERT OR REPLACE INTO idempotency (principal, method, path, "key", body_hash, job_id, expires_at, answer)
VALUES (:principal, :method, :path, :key, :body_hash, :event_id, :expires_at, :answer);

-- name: job
-- Reads a job.
SELECT ${job_columns} FROM jobs WHERE id = :id;

-- name: job_state
-- Reads where a job stands.
SELECT state FROM jobs WHERE id = :id;

-- name: root
-- Reads a root and its error.
SELECT ${job_columns}, error FROM jobs WHERE id = :id;

-- name: claim_heads
-- Reads the next :limit jobs of a lane, and what each is given: its event, its baggage, the plugin instance's state.
SELECT
    h.*, e.id, e.type, e.payload, e.source, e.created_at, e.dedupe_key, e.job_id, e.root_id, e.pipeline, e.step,
    (SELECT c."values" FROM contexts AS c WHERE c.id = h.context_id),
    (SELECT s.value FROM plugin_state AS s WHERE s.plugin = h.plugin)
FROM (
    SELECT ${job_columns}, event_id, run_at FROM jobs
    WHERE lane = :lane AND state = 'queued' AND due = 1
    ORDER BY priority DESC, run_at, id LIMIT :limit
) AS h LEFT JOIN events AS e ON e.id = h.event_id;

-- rows: start_attempt
-- Starts attempt :attempt of a queued job.
WITH given (id, attempt, started_at) AS (VALUES (:id, :attempt, :now))
UPDATE jobs SET state = 'running', attempt = given.attempt, started_at = given.started_at, held_reason = NULL
FROM given
WHERE jobs.id = given.id AND jobs.state = 'queued' AND jobs.attempt = given.attempt - 1;

-- rows: hold
-- Holds a queued job for a reason.
WITH given (id, reason) AS (VALUES (:id, :reason))
UPDATE jobs SET state = 'held', held_reason = given.reason FROM given
WHERE jobs.id = given.id AND jobs.state = 'queued';

-- name: promote
-- Makes at most :limit queued jobs claimable whose time has come; returns their lanes.
UPDATE jobs SET due = 1
WHERE rowid IN (
    SELECT rowid FROM jobs
    WHERE state = 'queued' AND due = 0 AND run_at <= :now
    ORDER BY run_at LIMIT :limit
)
RETURNING lane;

-- name: next_due
-- Reads when the next queued job becomes due.
SELECT run_at FROM jobs WHERE state = 'queued' AND due = 0 ORDER BY run_at LIMIT 1;

-- name: hold_lane
-- Holds at most :limit claimable jobs of a lane; returns them.
UPDATE jobs SET state = 'held', held_reason = :reason
WHERE rowid IN (SELECT rowid FROM jobs WHERE lane = :lane AND state = 'queued' AND due = 1 LIMIT :limit)
    AND state = 'queued'
RETURNING plugin, command;

-- name: any_held
-- Says whether any job is held.
SELECT 1 FROM jobs WHERE state = 'held' LIMIT 1;

-- name: release
-- Releases at most :limit held jobs of a command that waited for their plugin; returns them.
UPDATE jobs SET state = 'queued', held_reason = NULL, due = (run_at <= :now)
WHERE rowid IN (
    SELECT rowid FROM jobs
    WHERE state = 'held' AND lane = :lane AND command = :command AND held_reason = :reason LIMIT :limit
)
    AND state = 'held'
RETURNING due, run_at;

-- rows: finish_attempt
-- Ends attempt :attempt of job :id, if it is still the one that runs; no row: the result came too late.
WITH given (id, attempt, state, ended_at, lost) AS (VALUES (:id, :attempt, :state, :now, :lost))
UPDATE jobs SET state = given.state, ended_at = given.ended_at, lost = jobs.lost + given.lost FROM given
WHERE jobs.id = given.id AND jobs.state = 'running' AND jobs.attempt = given.attempt AND jobs.lane IS NOT NULL;

-- name: requeue_attempt
-- Queues job :id again after attempt :attempt, unless that is not the one that runs, or it or its run is cancelled.
UPDATE jobs SET state = 'queued', due = (:run_at <= :now), run_at = :run_at, lost = lost + :lost
WHERE
    id = :id AND state = 'running' AND attempt = :attempt AND lane IS NOT NULL AND cancel_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM jobs AS r WHERE r.id = jobs.root_id AND r.cancel_at IS NOT NULL);

-- rows: insert_attempt
-- Stores how an attempt ended.
INSERT INTO attempts (
    job_id, attempt, plugin, command, submitted_by, created_at, generation, runner, started_at, ended_at, outcome,
    exit_code, result, error, stdout, stderr, logs
) VALUES (
    :job_id, :attempt, :plugin, :command, :submitted_by, :created_at, :generation, :runner, :started_at, :ended_at,
    :outcome, :exit_code, :result, :error, :stdout, :stderr, :logs
);

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

-- name: get_plugin_state
-- Reads what a plugin instance remembers.
SELECT value FROM plugin_state WHERE plugin = :plugin;

-- name: set_plugin_state
-- Sets what a plugin instance remembers.
INSERT INTO plugin_state (plugin, value, updated_at) VALUES (:plugin, :value, :now)
ON CONFLICT (plugin) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at;

-- name: add_fact
-- Appends to the history of a plugin instance's memory.
INSERT INTO plugin_facts (plugin, fact_type, job_id, value, created_at)
VALUES (:plugin, :fact_type, :job_id, :value, :now);

-- name: cancel_waiting
-- Cancels one job that stands in :state, queued or held.
UPDATE jobs SET state = 'cancelled', ended_at = :now, held_reason = NULL
WHERE id = :id AND state = :state AND state IN ('queued', 'held')
RETURNING ${job_columns};

-- name: cancel_waiting_steps
-- Cancels all steps of a run that stand in :state, queued or held.
UPDATE jobs SET state = 'cancelled', ended_at = :now, held_reason = NULL
WHERE root_id = :root_id AND parent_id IS NOT NULL AND state = :state AND state IN ('queued', 'held')
RETURNING ${job_columns};

-- name: waiting
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

-- name: cancel_rest
-- Notes that a run is to be cancelled, if so many of its jobs are open and no more.
UPDATE jobs SET cancel_at = coalesce(cancel_at, :now)
WHERE id = :id AND state = 'running' AND lane IS NULL AND open_jobs = :open;

-- name: ask_to_cancel
-- Notes that a running job or run is to be cancelled.
UPDATE jobs SET cancel_at = coalesce(cancel_at, :now) WHERE id = :id AND state = 'running' RETURNING id;

-- name: running_steps
-- Reads the ids of a run's running steps.
SELECT id FROM jobs WHERE root_id = :root_id AND parent_id IS NOT NULL AND state = 'running';

-- name: schedules
-- Reads every schedule.
SELECT id, base_at, due_at, last_job_id FROM schedules ORDER BY id;

-- name: schedule
-- Reads one schedule.
SELECT id, base_at, due_at, last_job_id FROM schedules WHERE id = :id;

-- name: add_schedule
-- Keeps a schedule that is seen for the first time.
INSERT INTO schedules (id, base_at, due_at) VALUES (:id, :base_at, :due_at) ON CONFLICT (id) DO NOTHING;

-- name: drop_schedule
-- Forgets a schedule.
DELETE FROM schedules WHERE id = :id;

-- name: move_schedule
-- Moves a schedule to its next due time, if it still stands at the one expected; returns it.
UPDATE schedules SET base_at = :base_at, due_at = :due_at WHERE id = :id AND due_at = :expected RETURNING id, base_at, due_at, last_job_id;

-- name: set_schedule_job
-- Notes the job that a schedule started last.
UPDATE schedules SET last_job_id = :job_id WHERE id = :id;

-- name: outstanding
-- Finds a job if it has not ended.
SELECT id FROM jobs WHERE id = :id AND ended_at IS NULL;

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

-- name: trim_given
-- Deletes the event that a deleted job was given, unless it is needed.
DELETE FROM events WHERE id = :id AND ${needed_by_none};

-- name: trim_all_given
-- Deletes the events that deleted jobs were given, save those that are needed.
DELETE FROM events WHERE id IN (SELECT value FROM json_each(:ids)) AND ${needed_by_none};

-- name: trim_skips
-- Deletes at most :limit skips of a root whose steps are gone.
DELETE FROM skips WHERE rowid IN (SELECT rowid FROM skips WHERE root_id = :root_id LIMIT :limit);

-- name: trim_contexts
-- Deletes at most :limit rows of baggage of a root whose steps are gone.
DELETE FROM contexts WHERE rowid IN (SELECT rowid FROM contexts WHERE root_id = :root_id LIMIT :limit);

-- name: old_attempts
-- Reads which of the oldest attempts, at most :limit, ended before :before, and how much there is to read of each; they
-- stand in the order they ended in.
SELECT o.rowid, ${log_size}
FROM attempts AS o
WHERE o.rowid IN (SELECT rowid FROM attempts ORDER BY rowid LIMIT :limit) AND o.ended_at < :before
ORDER BY o.rowid;

-- name: trim_text
-- Deletes the full text of these attempts from the open segment.
DELETE FROM attempt_text WHERE rowid IN (SELECT value FROM json_each(:ids));

-- name: trim_attempts
-- Deletes these attempts.
DELETE FROM attempts WHERE rowid IN (SELECT value FROM json_each(:ids));

-- name: newest_attempt
-- Reads the row id of the newest attempt.
SELECT coalesce(max(rowid), 0) FROM attempts;

-- name: unindexed
-- Reads the attempts behind :after, oldest first, how much there is to read of each, and whose they are.
SELECT o.rowid, ${log_size}, o.job_id, o.attempt
FROM attempts AS o
WHERE o.rowid > :after
ORDER BY o.rowid LIMIT :limit;

-- name: index_attempts
-- Writes the full text of the attempts behind :after up to :through.
INSERT INTO attempt_text (rowid, error, stderr, result, facets)
SELECT id, error, stderr, result, facets FROM attempt_words WHERE id > :after AND id <= :through ORDER BY id;

-- name: words
-- Reads what of an attempt is searched.
SELECT w.id, a.job_id, a.attempt, w.error, w.stderr, w.result, w.facets
FROM attempt_words AS w INNER JOIN attempts AS a ON a.rowid = w.id
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
    coalesce((SELECT min(rowid) FROM attempts), 0),
    coalesce((SELECT max(rowid) FROM attempts), 0),
    coalesce((SELECT min(last) FROM text_volumes), 0),
    coalesce((SELECT max(last) FROM text_volumes), 0);

-- name: segments
-- Reads the full segments that are searched and the last attempt of each, newest first.
SELECT n, last FROM text_volumes WHERE last IS NOT NULL ORDER BY n DESC;

-- name: add_segment
-- Notes a segment that reaches up to an attempt; returns its number.
INSERT INTO text_volumes (last) VALUES (:last) RETURNING n;

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
UPDATE text_volumes SET last = NULL WHERE n = :segment;

-- name: retired_segment
-- Reads which segment is to be freed next.
SELECT n FROM text_volumes WHERE last IS NULL ORDER BY n LIMIT 1;

-- name: free_segment_text
-- Frees some pages of a segment. Rows 1 and 10 stay: without them SQLite does not know the table again.
DELETE FROM attempt_text_data WHERE id IN (SELECT id FROM attempt_text_data WHERE id > 10 LIMIT :limit);

-- name: free_terms
-- Frees some of what leads to the pages of a segment.
DELETE FROM attempt_text_idx
WHERE (segid, term) IN (SELECT segid, term FROM attempt_text_idx LIMIT :limit);

-- name: drop_text
-- Drops the tables of a segment, of which next to nothing is left.
DROP TABLE attempt_text;

-- name: drop_segment
-- Forgets a segment.
DELETE FROM text_volumes WHERE n = :segment;

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

-- name: pages
-- Reads whether the file can shrink, how many pages it has, and how many of them are free.
SELECT
    (SELECT auto_vacuum FROM pragma_auto_vacuum) AS mode,
    (SELECT page_count FROM pragma_page_count) AS pages,
    (SELECT freelist_count FROM pragma_freelist_count) AS free;

-- name: held_bytes
-- Reads how many bytes of the database hold something.
SELECT
    ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))
    * (SELECT page_size FROM pragma_page_size);

-- name: give_back
-- Gives some free pages back to the file system.
PRAGMA incremental_vacuum (16);

-- name: never_wait
-- Gives up at once what others are in the way of.
PRAGMA busy_timeout = 0;

-- name: wait_again
-- Waits a while for what others are in the way of.
PRAGMA busy_timeout = 5000;

-- name: empty_wal
-- Brings all of the journal into the database and makes it empty, unless someone reads it just now.
PRAGMA wal_checkpoint (TRUNCATE);

-- name: trim_counts
-- Forgets counts that have come to nothing.
DELETE FROM counts WHERE n = 0;

-- name: view
-- Reads a job as it is shown, and whether it emitted anything.
SELECT ${view_columns}, EXISTS (SELECT 1 FROM events AS e WHERE e.job_id = j.id) AS emitted
FROM jobs AS j
${last_attempt}
WHERE j.id = :id;

-- name: view_root
-- Reads the root of a job's run as it is shown, and whether it emitted anything.
SELECT ${view_columns}, EXISTS (SELECT 1 FROM events AS e WHERE e.job_id = j.id) AS emitted
FROM jobs AS j
${last_attempt}
WHERE j.id = (SELECT asked.root_id FROM jobs AS asked WHERE asked.id = :id);

-- name: view_steps
-- Reads the steps of a run as they are shown, oldest first.
SELECT ${view_columns}
FROM jobs AS j
${last_attempt}
WHERE j.root_id = :root_id AND j.parent_id IS NOT NULL
ORDER BY j.id;

-- name: skips
-- Reads what a run passed by.
SELECT parent_id, node, reason, condition, "values" FROM skips WHERE root_id = :root_id ORDER BY rowid;

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

-- name: attempts
-- Reads the ended attempts of a job, oldest first.
SELECT
    attempt, outcome, runner, generation, started_at, ended_at, exit_code, result, error, stdout, stderr, logs, plugin,
    command
FROM attempts WHERE job_id = :job_id
ORDER BY attempt;

-- name: log_page
-- Reads which attempts of the kinds asked for stand below a place in the order, newest first; none ended after :until.
-- No row of the page is older than the newest of its :limit newest kinds, so that little is read of each of many kinds.
${log_kinds},
heads (plugin, command, outcome, submitted_by, ended_at) AS MATERIALIZED (
    SELECT k.plugin, k.command, k.outcome, k.submitted_by, (
        SELECT n.ended_at FROM attempts AS n
        WHERE ${log_kind} AND n.ended_at >= :since AND (n.ended_at, n.rowid) < (:at, :below)
        ORDER BY n.ended_at DESC, n.rowid DESC LIMIT 1
    )
    FROM kinds AS k
    WHERE ${log_filter}
),
floor (ended_at) AS MATERIALIZED (
    SELECT min(ended_at) FROM (SELECT ended_at FROM heads WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT :limit)
    WHERE (SELECT count(ended_at) FROM heads) >= :limit
)
SELECT a.rowid, a.ended_at
FROM heads AS k
INNER JOIN attempts AS a ON a.rowid IN (
    SELECT n.rowid FROM attempts AS n
    WHERE
        ${log_kind} AND n.ended_at >= coalesce((SELECT f.ended_at FROM floor AS f), :since)
        AND (n.ended_at, n.rowid) < (:at, :below)
    ORDER BY n.ended_at DESC, n.rowid DESC LIMIT :limit
)
WHERE k.ended_at IS NOT NULL
ORDER BY a.ended_at DESC, a.rowid DESC LIMIT :limit;

-- name: log_count
-- Counts the attempts of the kinds asked for, at most :limit.
${log_kinds}
SELECT count(*) FROM (
    SELECT 1 FROM kinds AS k CROSS JOIN attempts AS n
    WHERE ${log_filter} AND ${log_kind} AND n.ended_at >= :since LIMIT :limit
);

-- name: log_of_job
-- Reads which attempts of a job are asked for, newest first.
SELECT k.rowid, k.ended_at FROM attempts AS k
WHERE k.job_id = :job_id AND ${log_filter} AND k.ended_at >= :since AND k.ended_at <= :until
ORDER BY k.ended_at DESC, k.rowid DESC;

-- name: search_of_job
-- Reads which of these attempts have a text that fits.
SELECT t.rowid FROM json_each(:ids) AS wanted CROSS JOIN attempt_text AS t ON t.rowid = wanted.value
WHERE t.attempt_text MATCH :match;

-- name: search_page
-- Reads which attempts below a row fit, newest first.
SELECT a.rowid, a.ended_at ${log_search} AND t.rowid < :below ORDER BY t.rowid DESC LIMIT :limit;

-- name: search_count
-- Counts the attempts that fit, at most :limit.
SELECT count(*) FROM (SELECT 1 ${log_search} LIMIT :limit);

-- name: oldest_attempt
-- Reads when the oldest attempt ended.
SELECT ended_at FROM attempts ORDER BY rowid LIMIT 1;

-- name: log_sizes
-- Reads how many bytes these attempts take.
SELECT o.rowid, ${log_size} FROM attempts AS o WHERE o.rowid IN (SELECT value FROM json_each(:ids));

-- name: log_rows
-- Reads these attempts, with their results where :results asks for them.
SELECT
    rowid, job_id, attempt, plugin, command, outcome, submitted_by, created_at, started_at, ended_at, error, stderr,
    CASE WHEN :results THEN result END
FROM attempts WHERE rowid IN (SELECT value FROM json_each(:ids));

-- name: running
-- Reads every job with a running attempt.
SELECT ${job_columns} FROM jobs WHERE state = 'running' AND lane IS NOT NULL ORDER BY id;

-- name: lanes
-- Reads the lanes that have a claimable job, with one probe each.
WITH RECURSIVE lanes (lane) AS (
    SELECT min(lane) FROM jobs WHERE state = 'queued' AND due = 1
    UNION ALL
    SELECT (SELECT min(j.lane) FROM jobs AS j WHERE j.state = 'queued' AND j.due = 1 AND j.lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane FROM lanes WHERE lane IS NOT NULL;

-- name: depth
-- Reads how many jobs stand in each state.
SELECT state, sum(n) FROM counts GROUP BY state;

-- name: all_counts
-- Reads how many jobs of each command stand in each state.
SELECT plugin, command, state, n FROM counts WHERE n > 0;

-- name: oldest_waiting
-- Reads since when the job waits that could have started first, with one probe a lane and priority.
WITH RECURSIVE heads (lane, priority, run_at) AS (
    SELECT * FROM (
        SELECT lane, priority, run_at FROM jobs
        WHERE state = 'queued' AND due = 1
        ORDER BY lane, priority DESC, run_at LIMIT 1
    )
    UNION ALL
    SELECT j.lane, j.priority, j.run_at
    FROM heads AS k
    INNER JOIN jobs AS j ON j.rowid = coalesce(
        (
            SELECT n.rowid FROM jobs AS n
            WHERE n.lane = k.lane AND n.priority < k.priority AND n.state = 'queued' AND n.due = 1
            ORDER BY n.priority DESC, n.run_at LIMIT 1
        ),
        (
            SELECT n.rowid FROM jobs AS n
            WHERE n.lane > k.lane AND n.state = 'queued' AND n.due = 1
            ORDER BY n.lane, n.priority DESC, n.run_at LIMIT 1
        )
    )
)
SELECT min(run_at) FROM heads;

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

-- name: durations
-- Reads how long the newest attempts took, at most :limit, that ended at :since or later and did not die with a gateway.
SELECT max(ended_at - started_at, 0) FROM attempts
WHERE
    rowid > (SELECT max(rowid) FROM attempts) - :limit AND ended_at >= :since AND outcome <> 'lost'
ORDER BY 1;

-- name: list_all
-- Reads jobs between two ids that were made no earlier than a time, newest first.
SELECT ${line_columns} FROM jobs
WHERE id < :below AND id > :above AND created_at >= :since ORDER BY id DESC LIMIT :limit;

-- name: list_open
-- Reads unfinished jobs as list_all does; a filter that is null lets everything pass.
SELECT ${line_columns} FROM jobs
WHERE
    ended_at IS NULL AND id < :below AND id > :above AND created_at >= :since
    AND plugin = coalesce(:plugin, plugin) AND command = coalesce(:command, command)
    AND state IN (SELECT value FROM json_each(:states))
ORDER BY id DESC LIMIT :limit;

-- name: list_ended
-- Reads ended jobs of one command and state as list_all does.
SELECT ${line_columns} FROM jobs
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

-- name: lanes_busy
-- Counts the running attempts of each lane that has one.
SELECT lane, count(*) FROM jobs WHERE state = 'running' AND lane IS NOT NULL GROUP BY lane;

-- name: definition
-- Reads a compiled pipeline.
SELECT document FROM definitions WHERE hash = :hash;
