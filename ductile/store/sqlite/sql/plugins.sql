-- Plugin instances: their state, its history, and their failed checks.

-- name: failed_checks
-- Reads the single values whose keys stand from :low up to :high.
SELECT "key", value FROM meta WHERE "key" >= :low AND "key" < :high ORDER BY "key";

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
