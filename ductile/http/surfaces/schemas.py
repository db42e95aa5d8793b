"""The JSON Schemas of what the routes take and answer. A schema with a `title` becomes a component of OpenAPI."""

from collections.abc import Mapping
from typing import Any

from ductile.http.waiting_reason import WaitingReason
from ductile.model.job import State
from ductile.model.route import Parameter

Schema = Mapping[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
TRUE: Schema = {"type": "boolean", "const": True}
WOULD: Schema = {"type": "string", "description": "What the call would do without `dry_run`."}
OBJECT: Schema = {"type": "object"}
TIME: Schema = {"type": "string", "format": "date-time"}
ID: Schema = {"type": "string", "format": "uuid"}
STATE: Schema = {"title": "State", "type": "string", "enum": [state.value for state in State]}
NULLABLE_STRING: Schema = {"type": ["string", "null"]}
NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
NULLABLE_ID: Schema = {"type": ["string", "null"], "format": "uuid"}


def object_schema(
    title: str | None = None, optional: Mapping[str, Schema] | None = None, /, **members: Schema
) -> Schema:
    """An object with these required members, and perhaps the optional ones."""
    schema: dict[str, Any] = {"type": "object", "properties": {**members, **(optional or {})}, "required": [*members]}
    return {"title": title, **schema} if title else schema


def array_schema(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


WAIT = Parameter(
    name="wait",
    schema=STRING,
    description="Wait so long for the end: seconds, or a duration such as 500ms. Cut to api.max_sync_timeout.",
)
PREFER = Parameter(name="Prefer", schema=STRING, description="`wait=N`: as the query's wait.", where="header")
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    schema={"type": "string", "minLength": 1, "maxLength": 255},
    description="The same key with the same body gives the same job; with another body 409.",
    where="header",
)
DRY_RUN = Parameter(
    name="dry_run",
    schema=BOOLEAN,
    description="Change nothing; answer 200 with what would be done and `dry_run: true`.",
)
FORCE_RELOAD = Parameter(
    name="force",
    schema=BOOLEAN,
    description="Apply also a configuration that leaves no token with `*`, or not the one of this call.",
)
ASYNC = Parameter(name="async", schema=BOOLEAN, description="Do not wait for a synchronous pipeline.")

OPTIONS: Mapping[str, Schema] = {
    "dedupe_key": {"type": "string", "minLength": 1, "maxLength": 255},
    "run_at": TIME,
    "priority": {"type": "integer", "minimum": -100, "maximum": 100, "default": 0},
}
RUN_TRIGGER: Schema = {
    "title": "RunTrigger",
    "type": "object",
    "properties": {"payload": OBJECT, **OPTIONS},
    "required": ["payload"],
    "additionalProperties": False,
}
TRIGGER: Schema = {
    **RUN_TRIGGER,
    "title": "Trigger",
    "properties": {"payload": OBJECT, **OPTIONS, "route": {"type": "boolean", "default": False}},
}

ACCEPTED = object_schema("Accepted", {"deduplicated": BOOLEAN}, job_id=ID, status=STATE, plugin=STRING, command=STRING)
RUN_ACCEPTED = object_schema(
    "RunAccepted",
    {
        "plugin": STRING,
        "command": STRING,
        "deduplicated": BOOLEAN,
        "timeout_exceeded": BOOLEAN,
        "message": STRING,
    },
    job_id=ID,
    status=STATE,
)
PLANNED = object_schema(
    "Planned",
    {
        "deduplicated": BOOLEAN,
        "retry_of": ID,
        "steps": array_schema(object_schema(step=STRING, plugin=STRING, command=STRING)),
    },
    dry_run=TRUE,
    would=WOULD,
    job_id={**NULLABLE_ID, "description": "The job that would answer for this one; null where one would be made."},
    plugin=STRING,
    command=STRING,
)
RETRIED = object_schema("Retried", {"retry_of": ID}, job_id=ID, status=STATE, plugin=STRING, command=STRING)
EVENT = object_schema("Event", {"dedupe_key": STRING}, event_id=ID, type=STRING, payload=OBJECT, timestamp=TIME)
RESPONSE = object_schema(
    "Response",
    {"error": STRING, "state_updates": OBJECT},
    status=STRING,
    result={},
    events=array_schema(EVENT),
    logs=array_schema(OBJECT),
)
WAITING = {
    **object_schema("Waiting", {"until": TIME}, reason={"type": "string", "enum": [*WaitingReason]}, message=STRING),
    "description": "Why a queued or held job does not run yet; `until` is when it may start.",
}
CAUSE = object_schema("Cause", event_id=ID, type=STRING, source=STRING, job_id=NULLABLE_ID, timestamp=TIME)
JOB = object_schema(
    "Job",
    {
        "result": {"description": "The Response of the last attempt; of a run its only leaf's, else step → Response."},
        "last_error": STRING,
        "held_reason": STRING,
        "waiting": WAITING,
        "run_at": TIME,
        "cancel_requested_at": TIME,
        "exit_code": INTEGER,
        "stdout": STRING,
        "stderr": STRING,
        "retry_of": ID,
        "cause": CAUSE,
        "started": array_schema(object_schema(job_id=ID, plugin=STRING, command=STRING)),
        "deduplicated": BOOLEAN,
    },
    job_id=ID,
    status=STATE,
    plugin=STRING,
    command=STRING,
    submitted_by=STRING,
    principal=STRING,
    request_id=NULLABLE_STRING,
    created_at=TIME,
    started_at=NULLABLE_TIME,
    completed_at=NULLABLE_TIME,
    attempt=INTEGER,
    max_attempts=INTEGER,
    priority=INTEGER,
    parent_job_id=NULLABLE_ID,
    root_job_id=ID,
    step=NULLABLE_STRING,
)
TREE_ROW = object_schema(
    "TreeRow",
    {
        "attempt": INTEGER,
        "last_error": NULLABLE_STRING,
        "reason": STRING,
        "condition": {"type": ["object", "null"]},
        "values": {"type": ["object", "null"]},
    },
    job_id=NULLABLE_ID,
    parent_job_id=NULLABLE_ID,
    plugin=NULLABLE_STRING,
    command=NULLABLE_STRING,
    status={"type": "string", "enum": [*(state.value for state in State), "skipped"]},
    result={},
    started_at=NULLABLE_TIME,
    completed_at=NULLABLE_TIME,
    step=NULLABLE_STRING,
)
TREE = array_schema(TREE_ROW)
RUN = object_schema(
    "Run",
    {"error": STRING, "deduplicated": BOOLEAN},
    job_id=ID,
    status=STATE,
    duration_ms=INTEGER,
    result={},
    tree=TREE,
)
JOB_OR_ACCEPTED = {
    "anyOf": [JOB, ACCEPTED, PLANNED],
    "description": "The job's end, an earlier job that stands for it, or what a dry run would have done.",
}
RUN_OR_ACCEPTED = {
    "anyOf": [RUN, RUN_ACCEPTED, PLANNED],
    "description": "The run's end, an earlier run that stands for it, or what a dry run would have done.",
}
RETRIED_OR_PLANNED = {
    "anyOf": [RETRIED, PLANNED],
    "description": "What the same idempotency key made before, or what a dry run would have done.",
}
JOB_ROW = object_schema(
    "JobRow",
    {"parent_job_id": ID, "cancel_requested_at": TIME, "waiting": WAITING},
    job_id=ID,
    plugin=STRING,
    command=STRING,
    status=STATE,
    created_at=TIME,
    started_at=NULLABLE_TIME,
    completed_at=NULLABLE_TIME,
    attempt=INTEGER,
)
JOB_PAGE = object_schema(
    "JobPage", {"total_capped": BOOLEAN}, jobs=array_schema(JOB_ROW), total=INTEGER, cursor=NULLABLE_ID
)
CANCELLED = object_schema("Cancelled", job_id=ID, status=STATE)
CANCELLED_OR_PLANNED = {"anyOf": [CANCELLED, object_schema("CancelPlanned", dry_run=TRUE, would=WOULD, job_id=ID)]}

INDEX = object_schema(
    "Index",
    name=STRING,
    description=STRING,
    uptime_seconds=INTEGER,
    agents=object_schema(
        skills=STRING, find=STRING, read=STRING, authenticate=STRING, call=STRING, follow=STRING, result=STRING
    ),
    discovery=object_schema(health=STRING, skills=STRING, plugins=STRING, openapi=STRING, ai_plugin=STRING),
)
PLUGINS = object_schema(
    "Plugins",
    plugins=array_schema(
        object_schema("PluginRow", name=STRING, version=STRING, description=STRING, commands=array_schema(STRING))
    ),
)
PLUGIN = object_schema(
    "Plugin",
    name=STRING,
    version=STRING,
    description=STRING,
    protocol=INTEGER,
    commands=array_schema(
        object_schema(
            "Command",
            name=STRING,
            type={"type": "string", "enum": ["read", "write"]},
            description=STRING,
            input_schema={"type": ["object", "null"], "description": "A JSON Schema; null where anything is taken."},
        )
    ),
)
SKILL = object_schema(
    "Skill",
    {
        "description": STRING,
        "tier": {"type": "string", "enum": ["READ", "WRITE"]},
        "plugin": STRING,
        "command": STRING,
        "input_schema": {"type": ["object", "null"], "description": "A JSON Schema; null where anything is taken."},
        "pipeline": STRING,
        "trigger": NULLABLE_STRING,
        "execution_mode": {"type": "string", "enum": ["synchronous", "asynchronous"]},
        "timeout_secs": {"type": ["number", "null"]},
    },
    name=STRING,
    kind={"type": "string", "enum": ["plugin", "pipeline"]},
    endpoint=STRING,
)
SKILLS = object_schema("Skills", skills=array_schema(SKILL))
AI_PLUGIN = object_schema(
    "AiPlugin",
    schema_version=STRING,
    name_for_human=STRING,
    name_for_model=STRING,
    description_for_human=STRING,
    description_for_model=STRING,
    auth=object_schema(type=STRING),
    api=object_schema(type=STRING, url=STRING),
)
CONFIG_VIEW = object_schema(
    "ConfigView",
    service={"type": "object", "description": "Its settings by name; lengths of time as they are written."},
    api=object_schema(
        enabled=BOOLEAN,
        listen={"type": ["string", "array"], "items": STRING},
        tokens=array_schema(object_schema(scopes=array_schema(STRING))),
    ),
    plugins={"type": "object", "additionalProperties": object_schema("PluginView", enabled=BOOLEAN, config=OBJECT)},
    pipelines=array_schema(object_schema("PipelineView", name=STRING, on=NULLABLE_STRING)),
    compiled_routes=array_schema(
        object_schema("RouteView", event_type=STRING, source=NULLABLE_STRING, to=STRING, hook=BOOLEAN),
    ),
)
OK = object_schema("Status", {"generation": INTEGER}, status=STRING)
STOP_PLANNED = object_schema("StopPlanned", dry_run=TRUE, would=WOULD)
UNHEALTHY = object_schema(plugin=STRING, command=STRING, reason=STRING, since=TIME, job_id=STRING)
HEALTH = object_schema(
    "Health",
    status={"type": "string", "enum": ["ok", "degraded"]},
    uptime_seconds=INTEGER,
    queue_depth={"type": ["integer", "null"]},
    plugins_loaded=INTEGER,
    config_path=NULLABLE_STRING,
    binary_path=NULLABLE_STRING,
    version=STRING,
    generation=INTEGER,
    config_hash=STRING,
    last_reload_error={"type": ["object", "string", "null"]},
    plugins_quarantined=array_schema(
        {"anyOf": [object_schema(name=STRING, reason=STRING), object_schema(name=STRING)]}
    ),
    circuits_open=array_schema(STRING),
    plugins_unhealthy=array_schema({"anyOf": [UNHEALTHY, object_schema(plugin=STRING)]}),
    paused=BOOLEAN,
    storage={
        "type": "string",
        "enum": ["ok", "storage_full", "storage_lost", "storage_damaged", "store_unavailable"],
    },
    warnings={"anyOf": [array_schema(STRING), INTEGER]},
)
RELOADED = object_schema(
    "Reloaded",
    status=STRING,
    reloaded_at=TIME,
    message=STRING,
    generation=INTEGER,
    config_hash=STRING,
    changed=BOOLEAN,
    changes=array_schema(STRING),
    warnings=array_schema(STRING),
)
RELOADED_OR_PLANNED = {
    "anyOf": [
        RELOADED,
        object_schema(
            "ReloadPlanned",
            status=STRING,
            dry_run=TRUE,
            would=WOULD,
            message=STRING,
            generation=INTEGER,
            config_hash=STRING,
            changed=BOOLEAN,
            changes=array_schema(STRING),
            warnings=array_schema(STRING),
        ),
    ]
}
PAUSED = object_schema(
    "Paused", {"changed": BOOLEAN, "dry_run": BOOLEAN, "would": STRING}, status=STRING, paused=BOOLEAN
)
