"""The body and headers of a trigger: payload, options, idempotency key."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from blake3 import blake3

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.model.clock import Millis, from_rfc3339
from ductile.model.job import ENDED_STATES, AcceptedJob, SubmittedBy
from ductile.model.writes import Idempotency
from ductile.submit import Options, Origin

TRIGGER_MEMBERS = ("payload", "dedupe_key", "run_at", "priority", "route")
RUN_MEMBERS = TRIGGER_MEMBERS[:-1]
"""Of a pipeline's run: the core always routes what its steps emit, so there is nothing to say about it."""
MAX_KEY_CHARACTERS = 255
"""Characters of an `Idempotency-Key` and of a dedupe key."""
MAX_PRIORITY = 100
NO_OPTIONS = Options()
LOCATION_HEADER = {"Location": "Where to follow the job: `/job/{job_id}`."}
"""What the rows of triggers say of their answers."""


def read_trigger(request: Request, members: Sequence[str] = TRIGGER_MEMBERS) -> tuple[dict[str, Any], Options]:
    """The payload and what is said beside it, which must be one of these members.

    A body without a `payload` member is the payload itself; an empty one is an empty payload. Raises BadRequest.
    """
    body = request.object()
    if "payload" not in body:
        return body, NO_OPTIONS
    for name in body:
        if name not in members:
            hint = did_you_mean(name, members)
            raise BadRequest(reason=f"{name!r} is no member of this trigger{hint} (known are {', '.join(members)})")
    payload = body["payload"]
    if not isinstance(payload, dict):
        raise BadRequest(reason="payload must be a JSON object")
    return payload, read_options(body) if len(body) > 1 else NO_OPTIONS


def read_options(body: Mapping[str, Any]) -> Options:
    """The members beside the payload, checked."""
    return Options(
        dedupe_key=read_dedupe_key(body["dedupe_key"]) if "dedupe_key" in body else None,
        run_at=read_run_at(body["run_at"]) if "run_at" in body else None,
        priority=read_priority(body.get("priority", 0)),
        route=read_route(body.get("route", False)),
    )


def read_dedupe_key(value: Any) -> str:
    """1 to 255 characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_KEY_CHARACTERS:
        raise BadRequest(reason=f"dedupe_key must be a string of 1 to {MAX_KEY_CHARACTERS} characters")
    return value


def read_run_at(value: Any) -> Millis:
    """An RFC 3339 time."""
    try:
        return from_rfc3339(value if isinstance(value, str) else "")
    except ValueError:
        reason = "run_at must be an RFC 3339 time with an offset, such as 2030-01-31T09:00:00Z"
        raise BadRequest(reason=reason) from None


def read_priority(value: Any) -> int:
    """-100 to 100."""
    if type(value) is not int or abs(value) > MAX_PRIORITY:
        raise BadRequest(reason=f"priority must be an integer from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    return value


def read_route(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise BadRequest(reason="route must be true or false")
    return value


def read_origin(request: Request) -> Origin:
    """Who triggers, under which idempotency key. Raises BadRequest."""
    key = request.raw.headers.get("Idempotency-Key")
    return Origin(
        principal=request.caller.id,
        submitted_by=SubmittedBy.API,
        request_id=request.request_id,
        idempotency=None if key is None else read_idempotency(request, key),
    )


def read_idempotency(request: Request, key: str) -> Idempotency:
    """The key with all that it belongs to. The body counts as the bytes that were sent."""
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise BadRequest(reason=f"Idempotency-Key must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters")
    return Idempotency(
        principal=request.caller.id,
        method=request.method,
        path=unquote(request.raw_path).removesuffix("/"),
        key=request.snapshot.pseudonym(key),
        body_hash=blake3(request.body).hexdigest(),
        ttl=request.snapshot.service.dedupe_ttl,
    )


def dry_run_reply(accepted: AcceptedJob, **more: Any) -> Reply:
    """200 with what would have been done. Only a job that stood already has an id; there is no status."""
    stood = accepted.deduplicated or accepted.replayed
    would = f"start a job of {accepted.plugin}.{accepted.command}"
    if stood:
        would = f"answer with job {accepted.job_id}, which stands for this call"
    body = {name: value for name, value in accepted_json(accepted).items() if name != "status"}
    planned = {"dry_run": True, "would": would, **body, "job_id": accepted.job_id if stood else None}
    return JsonReply(body={**planned, **more})


def location_header(request: Request, job_id: str) -> dict[str, str]:
    """The header that says where to follow a job."""
    return {"Location": request.snapshot.api.link(f"/job/{job_id}")}


def accepted_reply(request: Request, accepted: AcceptedJob, **more: Any) -> Reply:
    """202 with the job's place; 200 where an earlier job stands for it, or has ended already."""
    body = {**accepted_json(accepted), **more}
    status = 200 if accepted.deduplicated or accepted.status in ENDED_STATES else 202
    return JsonReply(status=status, body=body, headers=location_header(request, accepted.job_id))


def accepted_json(accepted: AcceptedJob) -> dict[str, Any]:
    """What was accepted."""
    body: dict[str, Any] = {
        "job_id": accepted.job_id,
        "status": accepted.status,
        "plugin": accepted.plugin,
        "command": accepted.command,
    }
    if accepted.deduplicated:
        body["deduplicated"] = True
    return body
