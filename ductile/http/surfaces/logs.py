"""What ended attempts said: a list that can be filtered and searched, and all of one job."""

import re

import orjson

from ductile.errors import BadRequest, Forbidden
from ductile.http.attempt_json import attempt_page_json, job_attempts_json
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.http.surfaces.jobs import FILTERS as JOB_FILTERS
from ductile.http.surfaces.jobs import (
    REPEATABLE_HINT,
    STATUS_NAMES,
    job_id_of,
    may_read,
    read_limit,
    read_state,
    read_time,
    sees_all,
)
from ductile.http.surfaces.schemas import BOOLEAN, INTEGER, NULLABLE_STRING, STRING, TIME, array_schema, object_schema
from ductile.http.wait import query_flag
from ductile.model.clock import Millis
from ductile.model.filters import AttemptFilter
from ductile.model.ids import is_id
from ductile.model.job import STATE_ALIASES, Outcome, State
from ductile.model.route import Parameter, Route
from ductile.model.search_query import MAX_QUERY_CHARACTERS, parse_query
from ductile.store.errors import UnknownJob

DEFAULT_PAGE_ROWS = 50
MAX_PAGE_ROWS = 200

LOG_COST_BYTES = 64
"""What a log entry of a running attempt costs, at least."""

_CURSOR = re.compile(r"(\d{1,17})-(\d{1,17})", re.ASCII)


async def list_logs(request: Request) -> Reply:
    """A page of ended attempts, newest completion first."""
    wanted = read_filters(request)
    if wanted is None:
        return JsonReply(body={"logs": [], "total": 0, "cursor": None})
    page = await request.gateway.store.logs(wanted, request.gateway.clock())
    redactor, full = request.snapshot.redactor, sees_all(request)
    if not wanted.results:
        return JsonReply(body=attempt_page_json(page, redactor, results=False, full=full))
    size = sum(len(row.result or b"") for row in page.rows)
    return JsonReply(
        body=await request.gateway.large_values.call(
            size, lambda: orjson.dumps(attempt_page_json(page, redactor, results=True, full=full))
        )
    )


def read_filters(request: Request) -> AttemptFilter | None:
    """What the query asks for; None where no attempt can be so. Raises BadRequest, BadQuery."""
    query = request.query
    job_id, search = query.get("job_id"), query.get("query")
    statuses = request.all("status")
    outcomes = frozenset(found for status in statuses if (found := read_outcome(status)) is not None)
    wanted = AttemptFilter(
        job_id=None if job_id is None else job_id.lower(),
        plugin=query.get("plugin"),
        command=query.get("command"),
        outcomes=outcomes,
        submitted_by=query.get("submitted_by"),
        since=read_time(request, "from"),
        until=read_time(request, "to"),
        query=None if search is None else parse_query(search),
        limit=read_limit(query.get("limit", str(DEFAULT_PAGE_ROWS)), MAX_PAGE_ROWS),
        cursor=read_cursor(query.get("cursor")),
        results=query_flag(request, "include_result"),
    )
    possible = (not statuses or bool(outcomes)) and (job_id is None or is_id(job_id))
    return wanted if possible else None


def read_outcome(text: str) -> Outcome | None:
    """How an attempt ended, by its name or an older one; None for a state that only jobs have. Raises BadRequest."""
    name = STATE_ALIASES.get(text, text)
    try:
        return Outcome(name)
    except ValueError:
        read_state(text)
        return None


def read_cursor(text: str | None) -> tuple[Millis, int] | None:
    """The place where the last page ended. Raises BadRequest."""
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise BadRequest(reason="cursor must be the `cursor` of an earlier page")
    return int(found[1]), int(found[2])


async def get_job_logs(request: Request) -> Reply:
    """Every attempt of a job, oldest first, the running one with what it has said so far.

    Also of a job that retention has removed, as long as its attempts are kept.
    """
    job_id = job_id_of(request)
    store = request.gateway.store
    said = request.gateway.running_logs.get(job_id)  # first: it may end meanwhile, and stands among the attempts then
    view, attempts = await store.job(job_id), await store.attempts(job_id)
    if view is None and not attempts:
        raise UnknownJob(job_id=job_id)
    if not (may_read(request, view) if view is not None else request.caller.may("jobs:ro")):
        raise Forbidden(required_scopes=["jobs:ro"])
    size = sum(len(one.logs or b"") + len(one.stdout or "") for one in attempts)
    size += LOG_COST_BYTES * len(said.logs) if said is not None else 0
    redactor = request.snapshot.redactor
    return JsonReply(
        body=await request.gateway.large_values.call(
            size, lambda: orjson.dumps(job_attempts_json(job_id, attempts, said, redactor))
        )
    )


QUERY = """Words that must all be there, whatever their case and accents. A `"phrase of words"` stands together, `time*`
is any word that begins so, `-word` must not be there, `OR` between two is either. Punctuation only parts words."""

FILTERS = (
    Parameter(name="job_id", schema=schemas.ID, description="The attempts of one job."),
    *JOB_FILTERS[:2],
    Parameter(
        name="status",
        schema=array_schema({"type": "string", "enum": [*STATUS_NAMES, Outcome.LOST.value]}),
        description=f"How the attempt ended; states that only a job can have find nothing. {REPEATABLE_HINT}",
    ),
    Parameter(name="submitted_by", schema=STRING, description="Exact kind of trigger, such as api or schedule."),
    Parameter(name="from", schema=TIME, description="Ended at this time or later."),
    Parameter(name="to", schema=TIME, description="Ended at this time or earlier."),
    Parameter(
        name="query", schema={"type": "string", "minLength": 1, "maxLength": MAX_QUERY_CHARACTERS}, description=QUERY
    ),
    Parameter(
        name="limit",
        schema={"type": "integer", "minimum": 1, "default": DEFAULT_PAGE_ROWS},
        description=f"Rows of a page, {MAX_PAGE_ROWS} at most; large results make fewer.",
    ),
    Parameter(name="cursor", schema=STRING, description="The `cursor` of the page before."),
    Parameter(name="include_result", schema=BOOLEAN, description="Show what the plugin answered."),
)

NULLABLE_INTEGER = {"type": ["integer", "null"]}
OUTCOME = {"title": "Outcome", "type": "string", "enum": [outcome.value for outcome in Outcome]}
LOG_RESULT = {
    "anyOf": [
        object_schema("Answered", {"error": STRING, "state_updates": schemas.OBJECT}, status=STRING, result={}),
        {"type": "null"},
    ],
    "description": "What the plugin answered; null where no response could be read.",
}
LOG_ROW = object_schema(
    "LogRow",
    {"result": LOG_RESULT},
    job_id=schemas.ID,
    log_id=STRING,
    plugin=STRING,
    command=STRING,
    status=OUTCOME,
    attempt=INTEGER,
    submitted_by=STRING,
    created_at=TIME,
    completed_at=TIME,
    last_error=NULLABLE_STRING,
    stderr=NULLABLE_STRING,
)
LOG_PAGE = object_schema(
    "LogPage", {"total_capped": BOOLEAN}, logs=array_schema(LOG_ROW), total=INTEGER, cursor=NULLABLE_STRING
)
ATTEMPT_STATUS = {"title": "AttemptStatus", "type": "string", "enum": [*OUTCOME["enum"], State.RUNNING.value]}
ATTEMPT = object_schema(
    "Attempt",
    log_id=STRING,
    attempt=INTEGER,
    plugin=STRING,
    command=STRING,
    status=ATTEMPT_STATUS,
    runner=STRING,
    generation=INTEGER,
    started_at=TIME,
    completed_at={"type": ["string", "null"], "format": "date-time"},
    exit_code=NULLABLE_INTEGER,
    last_error=NULLABLE_STRING,
    stderr=NULLABLE_STRING,
    stdout=NULLABLE_STRING,
    logs=array_schema(schemas.OBJECT),
    progress={"description": "The latest that a running attempt has told of its progress, any JSON value."},
)
JOB_LOGS = object_schema("JobLogs", job_id=schemas.ID, logs=array_schema(ATTEMPT))

ROUTES = [
    Route(
        method="GET",
        path="/job-logs",
        operation_id="search_job_logs",
        handler=list_logs,
        summary="Ended attempts, newest completion first",
        tags=("jobs",),
        description="""One row an attempt, kept longer than its job. `query` searches `last_error`, `stderr` and the
result (each up to its first million characters) of every attempt that had ended when the search began. `total` counts
all that fits up to 10,000, and says `total_capped` beyond.""",
        scopes=("jobs:ro",),
        parameters=FILTERS,
        responses={200: LOG_PAGE, 400: None, 503: None},
    ),
    Route(
        method="GET",
        path="/job/{job_id}/logs",
        handler=get_job_logs,
        summary="What each attempt of a job said, oldest first",
        tags=("jobs",),
        description="""stderr, the plugin's own logs, and stdout where no response could be read from it; of
a running attempt the log entries and the progress that it has streamed so far. A run has no
attempts of its own: its steps have, which `GET /job/{job_id}/tree` names.""",
        responses={200: JOB_LOGS, 403: None, 404: None},
    ),
]
