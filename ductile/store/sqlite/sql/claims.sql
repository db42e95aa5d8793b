-- Claims: what starts next in each lane, and what is held, released and promoted.

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
-- Starts attempt :attempt of a queued job for the session :owner.
WITH given (id, attempt, started_at, owner) AS (VALUES (:id, :attempt, :now, :owner))
UPDATE jobs SET
    state = 'running', attempt = given.attempt, started_at = given.started_at, owner = given.owner, held_reason = NULL
FROM given
WHERE jobs.id = given.id AND jobs.state = 'queued' AND jobs.attempt = given.attempt - 1;

-- rows: hold
-- Holds a queued job for a reason.
WITH given (id, reason) AS (VALUES (:id, :reason))
UPDATE jobs SET state = 'held', held_reason = given.reason FROM given
WHERE jobs.id = given.id AND jobs.state = 'queued';

-- rows: defer
-- Keeps a queued job back until a time.
WITH given (id, until) AS (VALUES (:id, :until))
UPDATE jobs SET run_at = given.until, due = 0 FROM given
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

-- name: running_jobs
-- Reads every job with a running attempt.
SELECT ${job_columns} FROM jobs WHERE state = 'running' AND lane IS NOT NULL ORDER BY id;

-- name: abandoned_jobs
-- Reads every job with a running attempt of another session than :owner.
SELECT ${job_columns} FROM jobs WHERE state = 'running' AND lane IS NOT NULL AND owner IS NOT :owner ORDER BY id;

-- name: ready_lanes
-- Reads the lanes that have a claimable job, with one probe each.
WITH RECURSIVE lanes (lane) AS (
    SELECT min(lane) FROM jobs WHERE state = 'queued' AND due = 1
    UNION ALL
    SELECT (SELECT min(j.lane) FROM jobs AS j WHERE j.state = 'queued' AND j.due = 1 AND j.lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane FROM lanes WHERE lane IS NOT NULL;

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

-- name: running_by_lane
-- Counts the running attempts of each lane that has one.
SELECT lane, count(*) FROM jobs WHERE state = 'running' AND lane IS NOT NULL GROUP BY lane;
