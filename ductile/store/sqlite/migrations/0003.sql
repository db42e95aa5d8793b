-- Events that are posted: what the key of one made is not one job, so it is kept as it was answered.
BEGIN IMMEDIATE;
PRAGMA user_version = 3;

ALTER TABLE idempotency ADD COLUMN answer BLOB;

COMMIT;
