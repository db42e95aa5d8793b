"""What happens in the gateway, as it happens."""

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest
from ductile.http.ask import Ask, Reply
from ductile.http.surfaces import schemas
from ductile.http.surfaces.event_stream import HEADERS, EventStream, still_allowed
from ductile.model.journal import Kind
from ductile.model.route import Parameter, Route

READ = "events:ro"
MAX_ID = 18
"""Digits of an event id, at most."""


async def follow(ask: Ask) -> Reply:
    """A stream of what happens: from now on, or from behind the last event that the client has seen."""
    wanted, after = wanted_kinds(ask), last_event_id(ask)
    if ask.method == "HEAD":
        return Reply(headers=HEADERS)
    follower = await ask.gateway.feed.follow(after)
    return Reply(parts=EventStream(follower, wanted, still_allowed(ask, READ)), headers=HEADERS)


def last_event_id(ask: Ask) -> int | None:
    """The `Last-Event-ID` header, which a client that connects again sends, else the query's. Raises BadRequest."""
    text = ask.raw.headers.get("Last-Event-ID")
    if text is None:
        text = ask.query.get("last_event_id")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID):
        raise BadRequest(reason="Last-Event-ID must be the `id` of an event of this stream: a number")
    return int(text)


def wanted_kinds(ask: Ask) -> frozenset[str]:
    """The kinds that `type` names: exact, or all that begin with `prefix.*`; all of them where it is not given.

    Raises BadRequest for what no event is.
    """
    given = ask.raw.rel_url.query.getall("type", [])
    if not given:
        return frozenset(Kind)
    wanted: set[str] = set()
    for name in ",".join(given).split(","):
        found = {kind for kind in Kind if matches(kind, name.strip())}
        if not found:
            hint = did_you_mean(name.strip(), list(Kind))
            raise BadRequest(reason=f"type {name.strip()!r} names no event{hint}; known are {', '.join(Kind)}")
        wanted |= found
    return frozenset(wanted)


def matches(kind: str, name: str) -> bool:
    """Whether a kind is meant: `job.ended`, `job.*`, `*`."""
    return name in {kind, "*"} or (name.endswith(".*") and kind.startswith(name[:-1]))


TYPE = Parameter(
    name="type",
    schema={"type": "array", "items": {"type": "string"}},
    description="Only these: `job.ended`, or `job.*` for all that begin so. Repeat it, or put commas between.",
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

ABOUT = f"""\
Server-sent events, one a row of the gateway's journal: `id` is its number, `event` its type, `data` one JSON object
`{{id, type, at, …}}`. Events of a job have `job_id`, `root_job_id`, `parent_job_id`, `plugin`, `command`, `step` and
`status`. Types:

{"".join(f"- `{kind}`: {kind.about}{chr(10)}" for kind in Kind)}\
- `lagged`: The client did not get some: `missed_from`, `missed_to`, `reason` (`slow_reader`: it read too slowly and may
  ask for them again; `retention`: they are gone; `unknown_id`: there is no such event yet).

A comment comes every 15 seconds. The stream ends when the gateway stops, and when the token expires or loses its scope;
connect again with `Last-Event-ID`.
"""

ROUTES = [
    Route(
        method="GET",
        path="/events",
        handler=follow,
        summary="What happens in the gateway, as it happens",
        description=ABOUT,
        scopes=(READ,),
        tags=("events",),
        parameters=(TYPE, LAST_EVENT_ID, LAST_EVENT_ID_IN_QUERY),
        media=("text/event-stream",),
        responses={200: schemas.STRING, 400: None, 503: None},
        examples={200: 'id: 42\nevent: job.ended\ndata: {"id":42,"type":"job.ended","status":"succeeded"}\n\n'},
    ),
]
