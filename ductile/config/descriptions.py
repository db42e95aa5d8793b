"""What each key of the configuration means, in one sentence: for editors, and for the reference."""

from collections.abc import Mapping

LATER = "Not in this version."

_RETRIES = "How often a job is tried in all."

_OUTPUT = {
    "max_stdout_bytes": "Bytes of stdout that an attempt may write.",
    "max_stderr_bytes": "Bytes of stderr that are kept of an attempt, from both ends; the rest is read and dropped.",
    "max_lines": "Progress reports, log frames and lines of plain text that an attempt may write.",
    "max_log_entries": "Log entries that an attempt may make.",
    "max_log_bytes": "Bytes of all log entries of an attempt together.",
    "max_events": "Events in one response.",
    "max_event_bytes": "Bytes of all events of a response together, the `result` counted in each.",
    "max_values": "JSON values of a response, counted by the commas, colons and opening brackets outside of its texts.",
    "max_idle_bytes": "Bytes that a worker may write while it has no request; then it is replaced.",
}

DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    "Configuration": {
        "include": "More files, and folders of which every *.yaml is read. Maps merge, lists append.",
        "environment_vars": "Files with variables that `${NAME}` may take.",
        "service": "The process as a whole.",
        "state": "Where jobs are kept.",
        "api": "The HTTP interface. Without this section nothing listens.",
        "plugin_roots": "Folders below which plugins are looked for, at any depth. `bundled` stands for the plugins "
        "that ship with Ductile, `./bundled` for a folder of that name. The first one that has a name wins.",
        "plugins": "Settings by the name of a plugin or, with `uses`, of a further instance of one.",
        "pipelines": "What runs when an event arrives or a pipeline is called.",
        "routes": "Events of one plugin that go to another one's `handle`.",
    },
    "EnvironmentVars": {
        "include": "`.env` files, read before `${}` is expanded; the gateway's own environment wins over them.",
    },
    "ServiceSection": {
        "name": "How this gateway calls itself in its log.",
        "tick_interval": "How far the schedulers look ahead; no job waits for it.",
        "log_level": "How much is logged.",
        "log_format": "How a log line looks; `auto` is console on a terminal and json elsewhere.",
        "dedupe_ttl": "How long a dedupe key and an Idempotency-Key are remembered.",
        "job_log_retention": "How long attempts, their results and logs are kept.",
        "job_queue_retention": "How long finished jobs are kept; at least `dedupe_ttl`.",
        "max_workers": "Attempts that run at once; twice the processors, at least 4, when absent.",
        "kill_grace": "Between SIGTERM and SIGKILL for a plugin that is over its time.",
        "drain_timeout": "How long a stopping gateway lets running attempts end.",
        "max_hops": "Starts by events one after the other before a loop is assumed and refused.",
        "inherit_env": "Variables of the gateway that every plugin gets besides the usual ones; `all` for every one.",
        "strict_mode": "Whether a plugin that cannot load keeps the gateway from starting, instead of only itself.",
        "allow_symlinks": "Whether plugin folders may be links inside a plugin root.",
        "trusted_owners": "Users, besides root and the gateway's own, whose plugin files may run.",
        "output": "What the output of one attempt may cost; one that goes beyond is ended and fails for good.",
        "watch": "Whether a change of a file that was read reloads the configuration.",
        "settle": "How long no file may have changed before `watch` reloads, so that none is read half written.",
    },
    "OutputSection": _OUTPUT,
    "PluginOutputSection": _OUTPUT,
    "StateSection": {
        "path": "The database, relative to this file; `data/state.db` when absent. One gateway at a time holds it.",
        "max_size": "What the database and its log may take; beyond it new work is refused with `storage_full`, and "
        "what was taken goes on. Without it the free space of the disk alone decides.",
    },
    "Token": {
        "token": "The secret itself; best as `${NAME}` or `${file:/path}`.",
        "scopes": "What it may do: `*`, `plugin:ro`, `jobs:rw`, `plugin:<name>:rw`, `pipeline:<name>`…",
        "name": "How jobs and logs name it.",
        "expires_at": "When it stops to be valid (RFC 3339).",
    },
    "Auth": {"tokens": "Who may call, and what they may do."},
    "ApiSection": {
        "enabled": "Whether it listens.",
        "listen": "`host:port` or `unix:/path`, or a list of them. A change needs a restart.",
        "auth": "Who may call.",
        "max_concurrent_sync": "Callers that wait for a result at once; the next one gets 503.",
        "max_waits_per_principal": "Of them, callers of one principal without the scope `*`; the next one gets 429. "
        "Default: half of `max_concurrent_sync`. A fifth of the places is kept for principals with `*`.",
        "max_streams_per_principal": "Clients of one principal that follow events; those with `*` are not counted.",
        "max_connections": "Connections at once. Default: half of the file descriptors, 10,000 at most. Beyond it the "
        "one that does the least is closed.",
        "max_connections_per_address": "Connections of one address; those of a trusted proxy count for its "
        "clients. Default: seven eighths of `max_connections`.",
        "header_timeout": "The time for the head of a connection's first request.",
        "body_timeout": "The time for the body of a request.",
        "write_timeout": "The time after which a client is cut off that takes less than 1 KB a second of its answer.",
        "keepalive_timeout": "How long a connection may be idle. A change needs a restart.",
        "max_sync_timeout": "The longest anyone may wait for a result.",
        "max_body_size": "The largest body of a request.",
        "max_body_values": "JSON values of a body, counted by commas, colons and opening brackets outside of texts.",
        "allowed_origins": "Web pages that may call, such as `https://tools.example.org`, or `*`.",
        "metrics_public": "Whether `/metrics` can be read without a token.",
        "public_url": "Where clients reach the gateway behind a proxy; links and the OpenAPI document name it.",
        "trusted_proxies": "Networks of the proxies that may say, in `X-Forwarded-For` or `Forwarded`, who calls; "
        "`unix` for one that calls over a Unix socket.",
    },
    "Retry": {
        "max_attempts": _RETRIES,
        "backoff_base": "The pause before the second try; it doubles with each one, and up to a quarter is added.",
    },
    "WorkersSection": {
        "max_jobs": "After so many requests.",
        "max_age": "At this age.",
        "max_rss": "When it holds so much memory.",
    },
    "ScheduleEntry": {
        "id": "Its name beside the plugin's: `echo/default`.",
        "every": "The interval, at least `1s`; it first fires one interval after it is first seen.",
        "jitter": "Up to so much later, so that many schedules do not fire at once.",
        "command": "The plugin's command.",
        "payload": "What the command is given.",
    },
    "PluginEntry": {
        "enabled": "Whether it runs; its jobs are held while it does not.",
        "uses": "The plugin that this is a further instance of, with settings, state and limits of its own.",
        "config": "What the plugin is given as its configuration.",
        "env": "Environment variables for its process.",
        "inherit_env": "Variables of the gateway that it gets besides the usual ones; `all` for every one.",
        "parallelism": "Attempts of it that run at once.",
        "schedules": "When it runs by itself.",
        "notify_on_complete": "Whether pipelines with `on-hook` hear of its jobs.",
        "retry": "How often and how soon a failed job is tried again.",
        "max_attempts": _RETRIES + " Short for `retry.max_attempts`.",
        "timeout": "The longest any of its commands may take.",
        "timeouts": "The longest one command may take, by its name.",
        "runner": "How it is run: a process for each job, a fork of a warm interpreter, or workers that stay.",
        "output": "What its output may cost, where that differs from `service.output`.",
        "workers": "When a worker that stays is replaced.",
    },
    "RouteEntry": {
        "from": "The plugin that emits the event.",
        "event_type": "The event's type.",
        "to": "The plugin whose `handle` gets it.",
    },
    "PipelineModel": {
        "name": "Its name; `POST /pipeline/<name>` runs it.",
        "on": "The type of the events that start it. Without `on` and `on-hook` only a call starts it.",
        "on-hook": "The signal that starts it, sent for plugins with `notify_on_complete`.",
        "from_plugin": "Only events of this plugin start it.",
        "if": "Only events for which this holds start it; it sees payload and context.",
        "max_depth": "Steps one after the other before a branch is ended; 0 is no limit.",
        "execution_mode": "Whether a call of it waits for its result.",
        "timeout": "How long a call of it waits before it is answered that the run goes on.",
        "steps": "What runs, one after the other.",
    },
    "StepModel": {
        "id": "Its name in the run.",
        "uses": "The plugin (its `handle`) or `plugin.command` to run.",
        "call": "Another pipeline, whose steps run here.",
        "steps": "Steps one after the other.",
        "split": "Steps side by side, each from the same event.",
        "if": "Where this does not hold, the step is passed by.",
        "with": 'Keys that are added to the payload: literals, or `"{payload.a.b}"`, `"{context.x}"`.',
        "baggage": "Facts that later steps can use as `context`: `name: payload.x`.",
    },
}
