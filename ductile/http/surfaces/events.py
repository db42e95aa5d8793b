"""What happens in the gateway, as it happens."""

from collections.abc import Callable
from typing import Any

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest
from ductile.http.reply import JsonReply, Reply, StreamReply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.http.surfaces.event_stream import STREAM_HEADERS, EventStream, permission_check
from ductile.http.trigger_body import read_dedupe_key, read_origin
from ductile.http.wait import query_flag
from ductile.model.event import RESERVED_TYPE_PREFIX
from ductile.model.job import StartedJob
from ductile.model.journal import EntryKind
from ductile.model.principal import ALL_SCOPES
from ductile.model.route import Parameter, Route
from ductile.observe.errors import TooManyStreams
from ductile.observe.event_feed import FeedItem
from ductile.submit import submit_event

READ_SCOPE = "events:ro"
EVENT_MEMBERS = ("type", "payload", "dedupe_key")
MAX_TYPE_CHARACTERS = 200
"""Characters of an event's type."""
MAX_ID_DIGITS = 18
"""Digits of an event id, at most."""


async def follow_events(request: Request) -> Reply:
    """A stream of what happens: from now on, or from behind the last event that the client has seen."""
    wants, after = read_type_filter(request), read_last_event_id(request)
    if request.method == "HEAD":
        return JsonReply(headers=STREAM_HEADERS)
    feed, limit, caller = request.gateway.feed, request.snapshot.api.max_streams_per_principal, request.caller
    if ALL_SCOPES not in caller.scopes and feed.followers_of(caller.id) >= limit:
        raise TooManyStreams(limit=limit, principal=caller.id)
    follower = await feed.follow(after, caller.id)
    return StreamReply(
        parts=EventStream(follower, wants, permission_check(request, READ_SCOPE)), headers=STREAM_HEADERS
    )


async def post_event(request: Request) -> Reply:
    """Route an event: start the pipelines that are `on` it and the `routes:` of events from the API."""
    body = request.object()
    for name in body:
        if name not in EVENT_MEMBERS:
            hint = did_you_mean(name, EVENT_MEMBERS)
            raise BadRequest(reason=f"{name!r} is no member of an event{hint} (known are {', '.join(EVENT_MEMBERS)})")
    dry_run = query_flag(request, "dry_run")
    received = await submit_event(
        request.gateway.store,
        request.snapshot,
        read_event_type(body.get("type")),
        read_event_payload(body.get("payload", {})),
        dedupe_key=read_dedupe_key(body["dedupe_key"]) if "dedupe_key" in body else None,
        origin=read_origin(request),
        now=request.gateway.clock(),
        dry_run=dry_run,
    )
    started = [started_json(one) for one in received.started]
    if not dry_run:
        return JsonReply(status=202, body={"event_id": received.event_id, "started": started})
    event_id = received.event_id if received.replayed else None
    would = [one if "deduplicated" in one else {**one, "job_id": None} for one in started]
    return JsonReply(
        body={"dry_run": True, "would": f"start {len(would)} jobs and runs", "event_id": event_id, "started": would}
    )


def started_json(started: StartedJob) -> dict[str, Any]:
    """A job or run that an event started."""
    document: dict[str, Any] = {"job_id": started.job_id, "plugin": started.plugin, "command": started.command}
    return {**document, "deduplicated": True} if started.deduplicated else document


def read_event_type(value: Any) -> str:
    """1 to 200 printable characters that are none of the gateway's own types. Raises BadRequest."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TYPE_CHARACTERS or not value.isprintable():
        raise BadRequest(reason=f"type must be a string of 1 to {MAX_TYPE_CHARACTERS} printable characters")
    if value.startswith(RESERVED_TYPE_PREFIX):
        raise BadRequest(
            reason=f"types that begin with {RESERVED_TYPE_PREFIX!r} are the gateway's own; choose another one"
        )
    return value


def read_event_payload(value: Any) -> dict[str, Any]:
    """A JSON object. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest(reason="payload must be a JSON object")
    return value


def read_last_event_id(request: Request) -> int | None:
    """The `Last-Event-ID` header, which a client that connects again sends, else the query's. Raises BadRequest."""
    text = request.raw.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    if not text:  # a client that has seen none yet may say so by nothing
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        raise BadRequest(reason="Last-Event-ID must be the `id` of an event of this stream: a number")
    return int(text)


def read_type_filter(request: Request) -> Callable[[FeedItem], bool]:
    """What `type` asks for: kinds, or types of posted events, exact or as `prefix.*`; everything where it is not given.

    Raises BadRequest for what is no type, and for what seems to mean a kind that there is not.
    """
    given = request.raw.rel_url.query.getall("type", [])
    names = [name.strip() for name in ",".join(given).split(",")] if given else ["*"]
    kinds = frozenset(kind for kind in EntryKind for name in names if matches_type(kind, name))
    posted = [name for name in names if not any(matches_type(kind, name) for kind in EntryKind)]
    for name in posted:
        hint, own = did_you_mean(name, list(EntryKind)), name.removesuffix(".*")
        if hint or "*" in own or not 1 <= len(own) <= MAX_TYPE_CHARACTERS or not own.isprintable():
            raise BadRequest(
                reason=f"type {name[:100]!r} names no event{hint}; the gateway's own are {', '.join(EntryKind)}"
            )

    def wants(item: FeedItem) -> bool:
        own = item.event_type
        return item.kind in kinds or (own is not None and any(matches_type(own, name) for name in posted))

    return wants


def matches_type(kind: str, name: str) -> bool:
    """Whether a kind is meant: `job.ended`, `job.*`, `*`."""
    return name in {kind, "*"} or (name.endswith(".*") and kind.startswith(name[:-1]))


TYPE_PARAMETER = Parameter(
    name="type",
    schema={"type": "array", "items": {"type": "string"}},
    description="""Only these: `job.ended`, `job.*` for all that begin so, or the own type of a posted event. Repeat it,
or put commas between.""",
)
LAST_EVENT_ID = Parameter(
    name="Last-Event-ID",
    schema={"type": "integer", "minimum": 0},
    description="Go on behind this event: what was journalled since comes first, then what happens.",
    where="header",
)
LAST_EVENT_ID_IN_QUERY = Parameter(
    name="last_event_id",
    schema={"type": "integer", "minimum": 0},
    description="As the Last-Event-ID header, which wins where both are there.",
)

FOLLOW_DESCRIPTION = f"""\
Server-sent events, one a row of the gateway's journal: `id` is its number, `event` its type, `data` one JSON object
`{{id, type, at, …}}`. Events of a job have `job_id`, `root_job_id`, `parent_job_id`, `plugin`, `command`, `step` and
`status`. Types:

{"".join(f"- `{kind}`: {kind.description}{chr(10)}" for kind in EntryKind)}\
- `lagged`: The client did not get some: `missed_from`, `missed_to`, `reason` (`slow_reader`: it read too slowly and may
  ask for them again; `retention`: they are gone; `unknown_id`: there is no such event yet).

A comment comes every 15 seconds. The stream ends when the gateway stops, and when the token expires or loses its scope;
connect again with `Last-Event-ID`.
"""

POST_DESCRIPTION = """\
Starts every pipeline that is `on` the type (without `from_plugin`, or with `from_plugin: api`) and every entry of
`routes:` with `from: api`, all in one transaction. An event that nothing waits for starts nothing, and is journalled.
The `dedupe_key` is that of each start: an earlier one with it stands for it, and says `deduplicated`.
"""
EVENT_REQUEST: schemas.Schema = {
    "title": "SentEvent",
    "type": "object",
    "properties": {
        "type": {"type": "string", "minLength": 1, "maxLength": MAX_TYPE_CHARACTERS},
        "payload": schemas.OBJECT,
        "dedupe_key": schemas.OPTIONS["dedupe_key"],
    },
    "required": ["type"],
    "additionalProperties": False,
}
NOT_YET = {**schemas.NULLABLE_ID, "description": "Null in a dry run, where one would be made."}
EVENT_ANSWER = schemas.object_schema(
    "SentAnswer",
    {"dry_run": schemas.BOOLEAN, "would": schemas.STRING},
    event_id=NOT_YET,
    started=schemas.array_schema(
        schemas.object_schema(
            "Started",
            {"deduplicated": schemas.BOOLEAN},
            job_id=NOT_YET,
            plugin=schemas.STRING,
            command=schemas.STRING,
        )
    ),
)

ROUTES = [
    Route(
        method="GET",
        path="/events",
        handler=follow_events,
        summary="What happens in the gateway, as it happens",
        description=FOLLOW_DESCRIPTION,
        scopes=(READ_SCOPE,),
        tags=("events",),
        parameters=(TYPE_PARAMETER, LAST_EVENT_ID, LAST_EVENT_ID_IN_QUERY),
        media=("text/event-stream",),
        responses={200: schemas.STRING, 400: None, 503: None},
        examples={200: 'id: 42\nevent: job.ended\ndata: {"id":42,"type":"job.ended","status":"succeeded"}\n\n'},
    ),
    Route(
        method="POST",
        path="/events",
        handler=post_event,
        summary="Say that something has happened",
        description=POST_DESCRIPTION,
        scopes=("events:rw",),
        tags=("events",),
        parameters=(schemas.DRY_RUN, schemas.IDEMPOTENCY_KEY),
        request=EVENT_REQUEST,
        request_required=True,
        responses={202: EVENT_ANSWER, 200: EVENT_ANSWER, 409: None},
        request_examples={"An order": {"type": "order.placed", "payload": {"order": 7}, "dedupe_key": "order-7"}},
    ),
]
