"""Runs one command of a plugin."""

from collections.abc import Awaitable

from msgspec.structs import replace

from ductile.http.middleware.authorize import require
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import examples, schemas
from ductile.http.surfaces.jobs import describe_job, may_read
from ductile.http.trigger_body import (
    LOCATION_HEADER,
    accepted_reply,
    dry_run_reply,
    location_header,
    read_origin,
    read_trigger,
)
from ductile.http.wait import query_flag, requested_wait, submit_and_wait
from ductile.model.ids import new_id
from ductile.model.job import ENDED_STATES, AcceptedJob
from ductile.model.manifest import CommandType
from ductile.model.notification import JobEnded
from ductile.model.route import Route
from ductile.model.snapshot import Snapshot
from ductile.submit import find_command, submit_command


def scopes_for(snapshot: Snapshot, plugin: str, command: str) -> tuple[str, str]:
    """What a caller needs for this command; a plugin that could not be read counts as writing.

    Raises UnknownPlugin or UnknownCommand: what does not exist is a 404 for every valid credential.
    """
    unusable = None if plugin in snapshot.plugins else snapshot.unusable.get(plugin)
    manifest = unusable.manifest if unusable else find_command(snapshot, plugin, command).manifest
    known = manifest.commands.get(command) if manifest else None
    level = "ro" if known is not None and known.type is CommandType.READ else "rw"
    return f"plugin:{level}", f"plugin:{plugin}:{level}"


async def trigger_command(request: Request) -> Reply:
    """Make one job; answer with its end where the caller waits and it comes in time."""
    plugin, command = request.path["plugin"], request.path["command"]
    require(request, *scopes_for(request.snapshot, plugin, command))
    payload, options = read_trigger(request)
    whence, now = read_origin(request), request.gateway.clock()

    def submit(job_id: str, *, dry_run: bool = False) -> Awaitable[AcceptedJob]:
        store, snapshot = request.gateway.store, request.snapshot
        return submit_command(
            store,
            snapshot,
            plugin,
            command,
            payload,
            options=options,
            origin=whence,
            job_id=job_id,
            now=now,
            dry_run=dry_run,
        )

    if query_flag(request, "dry_run"):
        return dry_run_reply(await submit(new_id(), dry_run=True))
    wait = requested_wait(request)
    if not wait:
        return accepted_reply(request, await submit(new_id()))
    accepted, ended = await submit_and_wait(request, submit, wait, shown=True)
    return await ended_or_accepted_reply(request, accepted, ended)


async def ended_or_accepted_reply(request: Request, accepted: AcceptedJob, ended: JobEnded | None) -> Reply:
    """200 with the job where it has ended, 202 with its state where it has not."""
    view = ended.view if ended is not None else None
    if view is None:
        view = await request.gateway.store.job(accepted.job_id)
    if view is None or not may_read(request, view):
        return accepted_reply(request, accepted)
    if view.state not in ENDED_STATES:
        return accepted_reply(request, replace(accepted, status=view.state))
    more = {"deduplicated": True} if accepted.deduplicated else {}
    return JsonReply(body=await describe_job(request, view, **more), headers=location_header(request, view.id))


ROUTES = [
    Route(
        method="POST",
        path="/plugin/{plugin}/{command}",
        handler=trigger_command,
        summary="Run one plugin command",
        parameters=(schemas.WAIT, schemas.PREFER, schemas.IDEMPOTENCY_KEY, schemas.DRY_RUN),
        request=schemas.TRIGGER,
        responses={202: schemas.ACCEPTED, 200: schemas.JOB_OR_ACCEPTED, 404: None, 409: None, 503: None},
        examples={202: examples.ACCEPTED, 200: examples.JOB},
        headers=LOCATION_HEADER,
        hidden=True,
    ),
]
