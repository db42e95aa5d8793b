-- Attempts: their ends, and lists of them.

-- fragment: attempt_kinds
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
    INNER JOIN attempts AS a ON a.seq = (
        SELECT n.seq FROM attempts AS n
        WHERE
            (n.plugin, n.command, n.outcome, n.submitted_by, n.ended_at)
            > (+k.plugin, +k.command, +k.outcome, +k.submitted_by, 9223372036854775807)
        ORDER BY n.plugin, n.command, n.outcome, n.submitted_by, n.ended_at LIMIT 1
    )
)

-- fragment: attempt_size
-- How many bytes there are to read of an attempt (o).
coalesce(length(o.result), 0) + coalesce(length(CAST(o.error AS BLOB)), 0) + coalesce(length(CAST(o.stderr AS BLOB)), 0)

-- fragment: of_kind
-- The attempts (n) of one kind (k) that ended no later than a time.
n.plugin = k.plugin AND n.command = k.command AND n.outcome = k.outcome AND n.submitted_by = k.submitted_by
AND n.ended_at <= :until

-- fragment: kind_filter
-- The kinds (k) that are asked for; a filter that is null lets everything pass.
k.plugin = coalesce(:plugin, k.plugin) AND k.command = coalesce(:command, k.command)
AND (:outcomes IS NULL OR k.outcome IN (SELECT value FROM json_each(:outcomes)))
AND k.submitted_by = coalesce(:submitted_by, k.submitted_by)

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

-- name: newest_attempt
-- Reads the row id of the newest attempt.
SELECT coalesce(max(seq), 0) FROM attempts;

-- name: ended_attempts
-- Reads the ended attempts of a job, oldest first.
SELECT
    attempt, outcome, runner, generation, started_at, ended_at, exit_code, result, error, stdout, stderr, logs, plugin,
    command
FROM attempts WHERE job_id = :job_id
ORDER BY attempt;

-- name: attempt_page
-- Reads which attempts of the kinds asked for stand below a place in the order, newest first; none ended after :until.
-- No row of the page is older than the newest of its :limit newest kinds, so that little is read of each of many kinds.
${attempt_kinds},
heads (plugin, command, outcome, submitted_by, ended_at) AS MATERIALIZED (
    SELECT k.plugin, k.command, k.outcome, k.submitted_by, (
        SELECT n.ended_at FROM attempts AS n
        WHERE ${of_kind} AND n.ended_at >= :since AND (n.ended_at, n.seq) < (:at, :below)
        ORDER BY n.ended_at DESC, n.seq DESC LIMIT 1
    )
    FROM kinds AS k
    WHERE ${kind_filter}
),
floor (ended_at) AS MATERIALIZED (
    SELECT min(ended_at) FROM (SELECT ended_at FROM heads WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT :limit)
    WHERE (SELECT count(ended_at) FROM heads) >= :limit
)
SELECT a.seq, a.ended_at
FROM heads AS k
INNER JOIN attempts AS a ON a.seq IN (
    SELECT n.seq FROM attempts AS n
    WHERE
        ${of_kind} AND n.ended_at >= coalesce((SELECT f.ended_at FROM floor AS f), :since)
        AND (n.ended_at, n.seq) < (:at, :below)
    ORDER BY n.ended_at DESC, n.seq DESC LIMIT :limit
)
WHERE k.ended_at IS NOT NULL
ORDER BY a.ended_at DESC, a.seq DESC LIMIT :limit;

-- name: attempt_count
-- Counts the attempts of the kinds asked for, at most :limit.
${attempt_kinds}
SELECT count(*) FROM (
    SELECT 1 FROM kinds AS k CROSS JOIN attempts AS n
    WHERE ${kind_filter} AND ${of_kind} AND n.ended_at >= :since LIMIT :limit
);

-- name: attempts_of_job
-- Reads which attempts of a job are asked for, newest first.
SELECT k.seq, k.ended_at FROM attempts AS k
WHERE k.job_id = :job_id AND ${kind_filter} AND k.ended_at >= :since AND k.ended_at <= :until
ORDER BY k.ended_at DESC, k.seq DESC;

-- name: oldest_attempt
-- Reads when the oldest attempt ended.
SELECT ended_at FROM attempts ORDER BY seq LIMIT 1;

-- name: attempt_sizes
-- Reads how many bytes these attempts take.
SELECT o.seq, ${attempt_size} FROM attempts AS o WHERE o.seq IN (SELECT value FROM json_each(:ids));

-- name: attempt_rows
-- Reads these attempts, with their results where :results asks for them.
SELECT
    seq, job_id, attempt, plugin, command, outcome, submitted_by, created_at, started_at, ended_at, error, stderr,
    CASE WHEN :results THEN result END
FROM attempts WHERE seq IN (SELECT value FROM json_each(:ids));

-- name: durations
-- Reads how long the newest attempts took, at most :limit, that ended at :since or later and did not die with a gateway.
SELECT max(ended_at - started_at, 0) FROM attempts
WHERE
    seq > (SELECT max(seq) FROM attempts) - :limit AND ended_at >= :since AND outcome <> 'lost'
ORDER BY 1;
