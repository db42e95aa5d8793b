-- Schedules: when each fires next.

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

-- name: reschedule
-- Moves a schedule to its next due time, if it still stands at the one expected; returns it.
UPDATE schedules SET base_at = :base_at, due_at = :due_at WHERE id = :id AND due_at = :expected RETURNING id, base_at, due_at, last_job_id;

-- name: set_schedule_job
-- Notes the job that a schedule started last.
UPDATE schedules SET last_job_id = :job_id WHERE id = :id;

-- name: open_job
-- Finds a job if it has not ended.
SELECT id FROM jobs WHERE id = :id AND ended_at IS NULL;
