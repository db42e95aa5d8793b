"""What waits in the queue, and letting it go."""

from typing import Any

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.http.surfaces.schemas import BOOLEAN, INTEGER, STRING, object_schema
from ductile.http.wait import query_flag
from ductile.model.filters import WaitingFilter
from ductile.model.ids import new_id
from ductile.model.job import WAITING_STATES, State
from ductile.model.principal import ALL_SCOPES
from ductile.model.route import Route

PURGE_MEMBERS = ("plugin", "command", "pipeline", "state")
BATCH_JOBS = 256
"""Jobs that one transaction cancels at most."""


async def purge_queue(request: Request) -> Reply:
    """Cancel what waits now; what comes meanwhile is left alone."""
    wanted, dry_run = read_purge(request.object()), query_flag(request, "dry_run")
    store = request.gateway.store
    above, below, purged = "", new_id(), 0
    while job_ids := await store.waiting_jobs(wanted, above, below, BATCH_JOBS):
        purged += await store.purge(job_ids, dry_run=dry_run)
        above = job_ids[-1]
    if dry_run:
        return JsonReply(body={"dry_run": True, "would": f"cancel {purged} jobs", "purged": purged})
    return JsonReply(body={"purged": purged})


def read_purge(body: dict[str, Any]) -> WaitingFilter:
    """Which jobs the body names; an empty one names all that wait. Raises BadRequest."""
    for name, value in body.items():
        if name not in PURGE_MEMBERS:
            hint = did_you_mean(name, PURGE_MEMBERS)
            raise BadRequest(reason=f"{name!r} is no member of a purge{hint} (known are {', '.join(PURGE_MEMBERS)})")
        if not isinstance(value, str) or not value:
            raise BadRequest(reason=f"{name} must be a string with something in it; leave it out to purge any {name}")
    state = body.get("state")
    if state is not None and state not in set(WAITING_STATES):
        raise BadRequest(reason=f"state must be {' or '.join(WAITING_STATES)}: other jobs do not wait")
    return WaitingFilter(
        plugin=body.get("plugin"),
        command=body.get("command"),
        pipeline=body.get("pipeline"),
        states=WAITING_STATES if state is None else (State(state),),
    )


REQUEST = {
    "title": "Purge",
    "type": "object",
    "properties": {
        "plugin": {"type": "string", "minLength": 1, "description": "Jobs of this plugin."},
        "command": {"type": "string", "minLength": 1, "description": "Jobs of this command."},
        "pipeline": {"type": "string", "minLength": 1, "description": "Steps of runs of this pipeline."},
        "state": {
            "type": "string",
            "enum": [state.value for state in WAITING_STATES],
            "description": "Both where left out.",
        },
    },
    "additionalProperties": False,
}

ROUTES = [
    Route(
        method="POST",
        path="/queue/purge",
        handler=purge_queue,
        summary="Cancel every job that waits, or those that the body names",
        tags=("jobs",),
        description="""Queued jobs, also those that are to start later or to be tried again, and held ones. What runs
goes on: `POST /job/{job_id}/cancel` stops it. A cancelled step is a failed one to its run; a run of which nothing else
is open is cancelled.""",
        scopes=(ALL_SCOPES,),
        parameters=(schemas.DRY_RUN,),
        request=REQUEST,
        responses={200: object_schema("Purged", {"dry_run": BOOLEAN, "would": STRING}, purged=INTEGER), 400: None},
        request_examples={"all": {}, "what a plugin that is gone has left": {"plugin": "echo", "state": "held"}},
    ),
]
