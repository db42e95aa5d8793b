-- The whole schema, as all migrations together leave it. Times are integer milliseconds UTC, ids are UUIDv7 text,
-- JSON is a blob. No foreign keys: every row is written by the one writing thread, children only ever beside their
-- parents, and checking references would double the price of a submit.

-- One row a job. A run's root has plugin 'pipeline' and no lane: it is never claimed. Partial indexes name `ended_at`
-- rather than `state` where they can, so that a claim leaves them alone. `owner` is the session that runs the attempt,
-- or ran the last one.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL,
    root_id TEXT NOT NULL,
    parent_id TEXT,
    cause_event_id TEXT,
    step TEXT,
    item INTEGER,
    definition TEXT,
    plugin TEXT NOT NULL,
    command TEXT NOT NULL,
    lane TEXT,
    state TEXT NOT NULL,
    due INTEGER NOT NULL DEFAULT 1,
    held_reason TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lost INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 1,
    priority INTEGER NOT NULL DEFAULT 0,
    run_at INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    context_id TEXT,
    route INTEGER NOT NULL DEFAULT 0,
    depth INTEGER NOT NULL DEFAULT 0,
    hops INTEGER NOT NULL DEFAULT 0,
    principal TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    request_id TEXT,
    traceparent TEXT,
    dedupe_key TEXT,
    generation INTEGER NOT NULL DEFAULT 0,
    open_jobs INTEGER NOT NULL DEFAULT 0,
    failed_jobs INTEGER NOT NULL DEFAULT 0,
    cancel_at INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    error TEXT,
    retry_of TEXT
) STRICT;

-- Claims: the head of a lane.
CREATE INDEX jobs_ready ON jobs (lane, priority DESC, run_at, id) WHERE state = 'queued' AND due = 1;

-- Promotion: what becomes due next.
CREATE INDEX jobs_waiting ON jobs (run_at) WHERE state = 'queued' AND due = 0;

-- Rescue and limits: what runs. Roots of runs have no lane and are not in it.
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running' AND lane IS NOT NULL;

-- Release: what is held, by what would let it go.
CREATE INDEX jobs_held ON jobs (lane, command) WHERE state = 'held';

-- Lists of unfinished jobs, newest first.
CREATE INDEX jobs_open ON jobs (id) WHERE ended_at IS NULL;

-- Lists of ended jobs, newest first.
CREATE INDEX jobs_ended ON jobs (plugin, command, state, id) WHERE ended_at IS NOT NULL;

-- Retention: roots by when they ended.
CREATE INDEX jobs_old ON jobs (ended_at) WHERE ended_at IS NOT NULL AND parent_id IS NULL;

-- A run's steps.
CREATE INDEX jobs_run ON jobs (root_id, id) WHERE parent_id IS NOT NULL;

-- A step is unique by the job it follows, its node and the event that reached it.
CREATE UNIQUE INDEX jobs_step ON jobs (parent_id, step, event_id) WHERE parent_id IS NOT NULL;

-- What an event started.
CREATE INDEX jobs_cause ON jobs (cause_event_id) WHERE cause_event_id IS NOT NULL;

-- Starts that may answer for a later one with the same key.
CREATE INDEX jobs_dedupe ON jobs (plugin, command, dedupe_key, id)
WHERE dedupe_key IS NOT NULL AND (ended_at IS NULL OR state = 'succeeded');

-- One row an ended attempt; kept longer than its job, so it can stand alone. Attempts end in the order of seq.
CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    plugin TEXT NOT NULL,
    command TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    runner TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    exit_code INTEGER,
    result BLOB,
    error TEXT,
    stdout TEXT,
    stderr TEXT,
    logs BLOB,
    UNIQUE (job_id, attempt)
) STRICT;

-- Lists of attempts, newest first: one run of rows for each kind that there is.
CREATE INDEX attempts_kind ON attempts (plugin, command, outcome, submitted_by, ended_at);

-- What of an attempt is searched, each part up to its first million characters: of the result every name and value, but
-- not what the plugin remembers. Facets are words that stand for the filters. The full text holds no copy of this: it
-- is read again to take an attempt out, so it must not change without all of the full text being made anew.
CREATE VIEW attempt_words AS
SELECT
    a.seq AS id,
    CASE WHEN length(CAST(a.error AS BLOB)) > 1000000 THEN substr(a.error, 1, 1000000) ELSE a.error END AS error,
    a.stderr AS stderr,
    (
        SELECT substr(group_concat(w.word, char(10)), 1, 1000000)
        FROM (
            SELECT
                CASE WHEN typeof(t.key) = 'text' AND t.fullkey <> '$.result' THEN t.key || char(10) ELSE '' END
                || CASE WHEN t.type IN ('true', 'false', 'null') THEN t.type ELSE coalesce(t.atom, '') END AS word
            FROM json_tree(
                CASE
                    WHEN NOT json_valid(CAST(a.result AS TEXT)) THEN '{}'
                    WHEN instr(a.result, x'5c7530303030') > 0
                        THEN replace(replace(CAST(a.result AS TEXT), '\\', '\u005c'), '\u0000', ' ')
                    ELSE CAST(a.result AS TEXT)
                END,
                '$.result'
            ) AS t
        ) AS w
    ) AS result,
    'p' || hex(a.plugin) || ' c' || hex(a.command) || ' o' || hex(a.outcome) || ' s' || hex(a.submitted_by)
    || ' d' || (a.ended_at / 86400000) || ' h' || (a.ended_at / 3600000) AS facets
FROM attempts AS a;

-- The open segment: the full text of attempts behind the one that meta names as 'text_opened', up to 'logs_indexed'.
CREATE VIRTUAL TABLE attempt_text USING fts5(
    error, stderr, result, facets, content = 'attempt_words', content_rowid = 'id', columnsize = 0
);

-- The index merges only when it is told to, some pages at a time: by itself it now and then does the merging of thousands
-- of writes within one, and everybody who waits for the writer waits for that.
INSERT INTO attempt_text (attempt_text, rank) VALUES ('automerge', 0);
INSERT INTO attempt_text (attempt_text, rank) VALUES ('crisismerge', 256);

-- Closed segments, each in a table attempt_text_<n> like the open one's: the full text of the attempts behind the segment
-- before, up to `last`. Without `last` a segment is not searched any more, and its pages are freed.
CREATE TABLE text_segments (
    n INTEGER PRIMARY KEY,
    last INTEGER
) STRICT;

-- A payload stands here once; jobs refer to it.
CREATE TABLE events (
    id TEXT PRIMARY KEY NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    payload BLOB NOT NULL,
    dedupe_key TEXT,
    job_id TEXT,
    root_id TEXT,
    pipeline TEXT,
    step TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- What a job emitted.
CREATE INDEX events_job ON events (job_id, id) WHERE job_id IS NOT NULL;

-- Steps that a run passed by, in order.
CREATE TABLE skips (
    seq INTEGER PRIMARY KEY,
    root_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    node TEXT NOT NULL,
    reason TEXT NOT NULL,
    condition BLOB,
    "values" BLOB
) STRICT;

CREATE INDEX skips_root ON skips (root_id);

-- Baggage: all that was claimed so far, and the row it extends.
CREATE TABLE contexts (
    id TEXT PRIMARY KEY NOT NULL,
    root_id TEXT NOT NULL,
    parent_id TEXT,
    "values" BLOB NOT NULL
) STRICT;

CREATE INDEX contexts_root ON contexts (root_id);

-- What each plugin instance remembers.
CREATE TABLE plugin_state (
    plugin TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The history of what it remembered, where its manifest asks for one.
CREATE TABLE plugin_facts (
    seq INTEGER PRIMARY KEY,
    plugin TEXT NOT NULL,
    fact_type TEXT NOT NULL,
    job_id TEXT NOT NULL,
    value BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX plugin_facts_type ON plugin_facts (plugin, fact_type, seq);

-- Compiled pipelines that runs are pinned to, by hash.
CREATE TABLE definitions (
    hash TEXT PRIMARY KEY NOT NULL,
    document BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- When each schedule fires next.
CREATE TABLE schedules (
    id TEXT PRIMARY KEY NOT NULL,
    base_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    last_job_id TEXT
) STRICT;

-- Idempotency keys and the jobs they made; of a posted event its id, and what was answered.
CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    "key" TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    job_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    answer BLOB,
    PRIMARY KEY (principal, method, path, "key")
) STRICT;

-- What happened in the gateway, in order: ids, never payloads. Its newest row is never trimmed, so that seq only rises.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    job_id TEXT,
    data BLOB
) STRICT;

-- How many jobs stand in each state; brought up to date once a batch.
CREATE TABLE counts (
    plugin TEXT NOT NULL,
    command TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (plugin, command, state)
) STRICT;

-- Single values: versions, whether the gateway is paused.
CREATE TABLE meta (
    "key" TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;
