"""Runs one command of a plugin."""

from collections.abc import Awaitable

from msgspec.structs import replace

from ductile.http.ask import Ask, Reply
from ductile.http.middleware.authorize import require
from ductile.http.surfaces import examples, schemas
from ductile.http.surfaces.jobs import describe, may_read
from ductile.http.trigger import LOCATION, accepted_reply, location, origin, planned_reply, read_trigger
from ductile.http.wait import flag, submit_and_wait, wait_asked
from ductile.model.ids import new_id
from ductile.model.job import ENDED, Accepted
from ductile.model.manifest import CommandType
from ductile.model.route import Route
from ductile.model.signal import JobEnded
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


async def trigger(ask: Ask) -> Reply:
    """Make one job; answer with its end where the caller waits and it comes in time."""
    plugin, command = ask.path["plugin"], ask.path["command"]
    require(ask, *scopes_for(ask.snapshot, plugin, command))
    payload, options = read_trigger(ask)
    whence, now = origin(ask), ask.gateway.clock()

    def submit(job_id: str, *, dry_run: bool = False) -> Awaitable[Accepted]:
        store, snapshot = ask.gateway.store, ask.snapshot
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

    if flag(ask, "dry_run"):
        return planned_reply(await submit(new_id(), dry_run=True))
    wait = wait_asked(ask)
    if not wait:
        return accepted_reply(ask, await submit(new_id()))
    accepted, ended = await submit_and_wait(ask, submit, wait, shown=True)
    return await waited_reply(ask, accepted, ended)


async def waited_reply(ask: Ask, accepted: Accepted, ended: JobEnded | None) -> Reply:
    """200 with the job where it has ended, 202 with its state where it has not."""
    view = ended.view if ended is not None else None
    if view is None:
        view = await ask.gateway.store.job(accepted.job_id)
    if view is None or not may_read(ask, view):
        return accepted_reply(ask, accepted)
    if view.state not in ENDED:
        return accepted_reply(ask, replace(accepted, status=view.state))
    document = await describe(ask, view)
    if accepted.deduplicated:
        document["deduplicated"] = True
    return Reply(body=document, headers=location(ask, view.id))


ROUTES = [
    Route(
        method="POST",
        path="/plugin/{plugin}/{command}",
        handler=trigger,
        summary="Run one plugin command",
        parameters=(schemas.WAIT, schemas.PREFER, schemas.IDEMPOTENCY_KEY, schemas.DRY_RUN),
        request=schemas.TRIGGER,
        responses={202: schemas.ACCEPTED, 200: schemas.JOB_OR_ACCEPTED, 404: None, 409: None, 503: None},
        examples={202: examples.ACCEPTED, 200: examples.JOB},
        headers=LOCATION,
        hidden=True,
    ),
]
