"""Looks at jobs, cancels them and starts them again."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest, Forbidden
from ductile.http.job_json import is_run, job_json, job_page_json, size_of, tree_json, unseal_events
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import examples, schemas
from ductile.http.trigger_body import accepted_reply, dry_run_reply, read_origin
from ductile.http.wait import query_flag, requested_wait, wait_for_end
from ductile.http.waiting_reason import GatewayLoad, waiting_json
from ductile.model.clock import Millis, from_rfc3339
from ductile.model.filters import JobFilter
from ductile.model.ids import is_id, new_id
from ductile.model.job import ENDED_STATES, STATE_ALIASES, WAITING_STATES, State
from ductile.model.large_values import LARGE_BYTES
from ductile.model.principal import ALL_SCOPES
from ductile.model.read_models import JobRow, JobView
from ductile.model.route import Parameter, Route
from ductile.store.errors import UnknownJob
from ductile.submit import submit_retry

DEFAULT_PAGE_ROWS = 50
MAX_PAGE_ROWS = 1000

_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)


def may_read(request: Request, view: JobView) -> bool:
    """Whether the caller may see this job: by scope, or because it is the caller's own."""
    return request.caller.may("jobs:ro") or view.principal == request.caller.id


def sees_all(request: Request) -> bool:
    """Whether the caller is shown what plugins remember."""
    return ALL_SCOPES in request.caller.scopes


def job_id_of(request: Request) -> str:
    """The id in the path. Raises UnknownJob for what is no id."""
    job_id = request.path["job_id"]
    if not is_id(job_id):
        raise UnknownJob(job_id=job_id)
    return job_id.lower()


async def find_job(request: Request) -> JobView:
    """The job of the path. Raises UnknownJob, or Forbidden where the caller may not see it."""
    job_id = job_id_of(request)
    view = await request.gateway.store.job(job_id)
    if view is None:
        raise UnknownJob(job_id=job_id)
    if not may_read(request, view):
        raise Forbidden(required_scopes=["jobs:ro"])
    return view


async def describe_job(request: Request, view: JobView, **more: Any) -> Any:
    """The document of a job with these members more; of an ended run with what its steps answered."""
    store = request.gateway.store
    views, _ = await store.tree(view.id) if is_run(view) and view.state in ENDED_STATES else ([], [])
    waiting = (
        waiting_json(view, request.snapshot, await gateway_load(request)) if view.state in WAITING_STATES else None
    )
    view, *views = unseal_events([view, *views], request.snapshot.vault)
    redactor, full = request.snapshot.redactor, sees_all(request)
    return await make_document(
        request, [view, *views], lambda: job_json(view, views, redactor, full=full, waiting=waiting) | more
    )


async def make_document(request: Request, views: Sequence[JobView], make: Callable[[], Any]) -> Any:
    """What `make` makes of these jobs; a large document is made, and encoded, in a thread."""
    size = size_of(views)
    if size <= LARGE_BYTES:
        return make()
    return await request.gateway.large_values.call(size, lambda: orjson.dumps(make(), default=str))


async def gateway_load(request: Request) -> GatewayLoad:
    """How busy the gateway is now."""
    gateway = request.gateway
    return GatewayLoad(
        busy=await gateway.store.running_by_lane(),
        paused=gateway.control.paused,
        stopping=gateway.control.draining,
        now=gateway.clock(),
    )


async def get_job(request: Request) -> Reply:
    """One job; where the caller waits, once it has ended or the time is over."""
    view = await find_job(request)
    wait = requested_wait(request)
    if wait and view.state not in ENDED_STATES:
        await wait_for_end(request, view.id, wait)
        view = await find_job(request)
    return JsonReply(body=await describe_job(request, view))


async def get_tree(request: Request) -> Reply:
    """A job and everything below it."""
    view = await find_job(request)
    views, skips = await request.gateway.store.tree(view.id)
    views = unseal_events(views, request.snapshot.vault)
    redactor, full = request.snapshot.redactor, sees_all(request)
    return JsonReply(body=await make_document(request, views, lambda: tree_json(views, skips, redactor, full=full)))


async def list_jobs(request: Request) -> Reply:
    """A page of jobs, newest first."""
    query = request.query
    cursor = query.get("cursor")
    if cursor is not None and not is_id(cursor):
        raise BadRequest(reason="cursor must be the `cursor` of an earlier page")
    wanted = JobFilter(
        plugin=query.get("plugin"),
        command=query.get("command"),
        states=frozenset(read_state(status) for status in request.all("status")),
        limit=read_limit(query.get("limit", str(DEFAULT_PAGE_ROWS)), MAX_PAGE_ROWS),
        cursor=cursor,
        since=read_time(request, "from"),
    )
    page = await request.gateway.store.jobs(wanted)
    if not query_flag(request, "include_details"):
        return JsonReply(body=job_page_json(page))
    return JsonReply(body=job_page_json(page, await waiting_by_job(request, page.rows)))


async def waiting_by_job(request: Request, rows: Sequence[JobRow]) -> dict[str, dict[str, Any]]:
    """Job → why it does not run yet, of those that do not."""
    waiting = [row for row in rows if row.state in WAITING_STATES]
    if not waiting:
        return {}
    load = await gateway_load(request)
    reasons = {row.id: waiting_json(row, request.snapshot, load) for row in waiting}
    return {job_id: reason for job_id, reason in reasons.items() if reason is not None}


def read_time(request: Request, name: str) -> Millis | None:
    """A time in the query. Raises BadRequest."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return from_rfc3339(_LOST_PLUS.sub("+", text))  # a plus that was not percent-encoded arrives as a space
    except ValueError:
        reason = f"{name} must be an RFC 3339 time with an offset, such as 2030-01-31T09:00:00Z, not {text[:100]!r}"
        raise BadRequest(reason=reason) from None


def read_state(text: str) -> State:
    """A state by its name or an older one. Raises BadRequest."""
    if text in STATE_ALIASES:
        return STATE_ALIASES[text]
    try:
        return State(text)
    except ValueError:
        known = [*State, *STATE_ALIASES]
        hint = did_you_mean(text, known)
        raise BadRequest(reason=f"{text!r} is no status{hint}; known are {', '.join(known)}") from None


def read_limit(text: str, most: int) -> int:
    """How many rows a page may have: a positive integer, cut to the maximum. Raises BadRequest."""
    digits = text.lstrip("0")
    if not text.isascii() or not digits.isdigit():
        raise BadRequest(reason=f"limit must be an integer of 1 or more; more than {most} counts as {most}")
    return min(int(digits), most) if len(digits) <= len(str(most)) else most


CANCEL_PREVIEW = {True: "cancel the job at once", False: "stop what runs, and cancel the job then"}
"""Whether the job has ended with the cancel → what a dry run of it says."""


async def request_cancel(request: Request) -> Reply:
    """Cancel a job or a run: 200 when it has ended with that, 202 while running attempts are being stopped."""
    job_id, store = job_id_of(request), request.gateway.store
    if query_flag(request, "dry_run"):
        state = await store.cancel(job_id, dry_run=True)
        return JsonReply(body={"dry_run": True, "would": CANCEL_PREVIEW[state in ENDED_STATES], "job_id": job_id})
    state = await store.cancel(job_id)
    return JsonReply(status=200 if state in ENDED_STATES else 202, body={"job_id": job_id, "status": state})


async def request_retry(request: Request) -> Reply:
    """Start an ended job again, or the run that it is or is a step of: as a new one, linked to the old."""
    dry_run = query_flag(request, "dry_run")
    retried = await submit_retry(
        request.gateway.store,
        request.snapshot,
        job_id_of(request),
        origin=read_origin(request),
        new_job_id=new_id(),
        dry_run=dry_run,
    )
    if dry_run:
        return dry_run_reply(retried.accepted, retry_of=retried.retry_of)
    return accepted_reply(request, retried.accepted, retry_of=retried.retry_of)


STATUS_NAMES = (*(state.value for state in State), "pending", "ok", "error")
REPEATABLE_HINT = "Repeat it, or put commas between, for several."
"""What the description of such a parameter ends with."""

FILTERS = (
    Parameter(name="plugin", schema=schemas.STRING, description="Exact plugin name."),
    Parameter(name="command", schema=schemas.STRING, description="Exact command name."),
    Parameter(
        name="status",
        schema=schemas.array_schema({"type": "string", "enum": [*STATUS_NAMES]}),
        description=f"State; pending, ok and error stand for queued, succeeded and failed. {REPEATABLE_HINT}",
    ),
    Parameter(name="from", schema=schemas.TIME, description="Made at this time or later."),
    Parameter(
        name="limit",
        schema={"type": "integer", "minimum": 1, "default": 50},
        description="Rows of a page, 1000 at most.",
    ),
    Parameter(name="cursor", schema=schemas.ID, description="The `cursor` of the page before."),
    Parameter(
        name="include_details",
        schema=schemas.BOOLEAN,
        description="Also a step's `parent_job_id`, since when a job is being cancelled, and why a waiting one waits.",
    ),
)

ROUTES = [
    Route(
        method="GET",
        path="/job/{job_id}",
        handler=get_job,
        summary="A job, its state and its result",
        tags=("jobs",),
        parameters=(schemas.WAIT, schemas.PREFER),
        responses={200: schemas.JOB, 400: None, 403: None, 404: None, 503: None},
        examples={200: examples.JOB},
    ),
    Route(
        method="GET",
        path="/job/{job_id}/tree",
        handler=get_tree,
        summary="A job and everything below it, root first",
        tags=("jobs",),
        responses={200: schemas.TREE, 403: None, 404: None},
        examples={200: examples.TREE},
    ),
    Route(
        method="GET",
        path="/jobs",
        handler=list_jobs,
        summary="Jobs, newest first",
        tags=("jobs",),
        scopes=("jobs:ro",),
        parameters=FILTERS,
        responses={200: schemas.JOB_PAGE, 400: None},
    ),
    Route(
        method="POST",
        path="/job/{job_id}/cancel",
        handler=request_cancel,
        summary="Cancel a job or a run",
        tags=("jobs",),
        scopes=("jobs:rw",),
        parameters=(schemas.DRY_RUN,),
        responses={200: schemas.CANCELLED_OR_PLANNED, 202: schemas.CANCELLED, 404: None, 409: None},
    ),
    Route(
        method="POST",
        path="/job/{job_id}/retry",
        handler=request_retry,
        summary="Start an ended job or run again, as a new one",
        tags=("jobs",),
        description="""The new one has the payload, priority and event of the old one, which `retry_of` names, and the
configuration of now. A step cannot be repeated alone: its whole run is, once that has ended. Dedupe keys do not count.
When retention has removed the job, there is nothing left to repeat: 404.""",
        scopes=("jobs:rw",),
        parameters=(schemas.IDEMPOTENCY_KEY, schemas.DRY_RUN),
        responses={
            202: schemas.RETRIED,
            200: schemas.RETRIED_OR_PLANNED,
            400: None,
            404: None,
            409: None,
            503: None,
        },
    ),
]
