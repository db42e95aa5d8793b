"""Requests as the gateway writes them, for jobs that are in no queue."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct, field

from ductile.dispatch.build_request import PluginRequest, build_request
from ductile.kit.errors import CannotWriteRequest
from ductile.model.clock import Millis
from ductile.model.encode import Unencodable, encode
from ductile.model.event import API_TRIGGER, Event
from ductile.model.ids import new_id
from ductile.model.job import ClaimedJob, Job, State, SubmittedBy
from ductile.model.snapshot import Plugin


class Request(Struct, frozen=True, kw_only=True):
    """A command with payload, state and context, each a JSON object."""

    command: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)


def new_job(plugin: Plugin, command: str, now: Millis) -> Job:
    """A root job in its first attempt."""
    job_id = new_id()
    return Job(
        id=job_id,
        root_id=job_id,
        parent_id=None,
        plugin=plugin.name,
        command=command,
        lane=plugin.name,
        state=State.RUNNING,
        attempt=1,
        lost=0,
        max_attempts=plugin.max_attempts,
        priority=0,
        step=None,
        definition=None,
        depth=0,
        hops=0,
        route=False,
        principal="kit",
        submitted_by=SubmittedBy.API,
        request_id=None,
        context_id=None,
        created_at=now,
        started_at=now,
    )


def write_request(plugin: Plugin, request: Request, job: Job, now: Millis) -> PluginRequest:
    """The request, and the command's own deadline. Raises Unsendable."""
    try:
        payload, context, state = encode(request.payload), encode(request.context), encode(request.state)
    except Unencodable as error:
        raise CannotWriteRequest(reason=error) from None
    event = Event(id=new_id(), type=API_TRIGGER, payload=payload, source="api", timestamp=now)
    claimed = ClaimedJob(job=job, event=event, context=context, plugin_state=state)
    return build_request(claimed, plugin, None, now)


def change_members(stdin: bytes, **members: Any) -> bytes:
    """The same request with other or more members."""
    return orjson.dumps(orjson.loads(stdin) | members, option=orjson.OPT_APPEND_NEWLINE)
