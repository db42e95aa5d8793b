-- The full text merges its segments only when it is told to, some pages at a time: by itself it now and then does the
-- merging of thousands of writes within one, and everybody who waits for the writer waits for that.
BEGIN IMMEDIATE;
PRAGMA user_version = 4;

INSERT INTO attempt_text (attempt_text, rank) VALUES ('automerge', 0);
INSERT INTO attempt_text (attempt_text, rank) VALUES ('crisismerge', 256);

COMMIT;
