-- The connection, its transactions, single values, and the file.

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

-- name: release_savepoint
-- Keeps what the operation wrote.
RELEASE operation;

-- name: rollback_to_savepoint
-- Undoes what the operation wrote.
ROLLBACK TO operation;

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

-- name: shrink_file
-- Gives some free pages back to the file system.
PRAGMA incremental_vacuum (16);

-- name: disable_busy_timeout
-- Gives up at once what others are in the way of.
PRAGMA busy_timeout = 0;

-- name: restore_busy_timeout
-- Waits a while for what others are in the way of.
PRAGMA busy_timeout = 5000;

-- name: empty_wal
-- Brings all of the journal into the database and makes it empty, unless someone reads it just now.
PRAGMA wal_checkpoint (TRUNCATE);
