-- The full text stands in volumes: what is written already becomes the first of them when the next attempts are indexed.
BEGIN IMMEDIATE;
PRAGMA user_version = 5;

-- Full volumes, each in a table attempt_text_<n> like the open one's: the full text of the attempts behind the volume
-- before, up to `last`. Without `last` it is not searched any more, but freed.
CREATE TABLE text_volumes (
    n INTEGER PRIMARY KEY,
    last INTEGER
) STRICT;

COMMIT;
