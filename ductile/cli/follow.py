"""Following jobs: what happens to them, as it happens."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from ductile.cli.outages import OutageNotices
from ductile.cli.output import Out
from ductile.client import Client
from ductile.client.errors import Refused, Unreachable
from ductile.client.sse import RECONNECT_DELAY_SECONDS, is_temporary
from ductile.model.job import ENDED_STATES

Json = dict[str, Any]
Told = Callable[[Json], Awaitable[None]]
"""Hears of each event."""

OF_JOBS: Final = ("job.*",)
LAGGED: Final = "lagged"


async def follow_job(client: Client, start: Callable[[], Awaitable[Json]], told: Told, outages: OutageNotices) -> Json:
    """Start or look at a job, hear of all that happens to it and its steps, and return it when it has ended.

    The stream of events stands before `start`, so that nothing is missed; it is opened again where it ends before.
    """
    job: Json | None = None
    last: str | None = None
    while True:
        try:
            async with client.following(last, OF_JOBS) as messages:
                outages.back()
                job = await start() if job is None else job
                if job["status"] in ENDED_STATES:
                    return job
                async for message in messages:
                    last = message.id
                    event = orjson.loads(message.data) if message.data else {}
                    if await _has_ended(client, job["job_id"], event, told):
                        return await client.job(job["job_id"])
        except (Unreachable, Refused) as error:
            if job is None or not is_temporary(error):
                raise
            outages.lost(error)
        await asyncio.sleep(RECONNECT_DELAY_SECONDS)


async def _has_ended(client: Client, job_id: str, event: Mapping[str, Any], told: Told) -> bool:
    if event.get("type") == LAGGED:  # the end may be among what was missed
        return (await client.job(job_id))["status"] in ENDED_STATES
    if job_id not in {event.get("job_id"), event.get("root_job_id")}:
        return False
    await told(dict(event))
    return bool(event["type"] == "job.ended" and event["job_id"] == job_id)


async def follow_jobs(
    client: Client, wanted: Mapping[str, str | Sequence[str]], told: Told, outages: OutageNotices
) -> None:
    """Hear of every job with these members (plugin, command, one of the statuses), until interrupted."""
    last: str | None = None
    connected = False
    while True:
        try:
            async with client.following(last, OF_JOBS) as messages:
                connected = True
                outages.back()
                async for message in messages:
                    last = message.id
                    event = orjson.loads(message.data) if message.data else None
                    if event is not None and is_wanted(event, wanted):
                        await told(event)
        except (Unreachable, Refused) as error:
            if not connected or not is_temporary(error):
                raise
            outages.lost(error)
        await asyncio.sleep(RECONNECT_DELAY_SECONDS)


def is_wanted(event: Mapping[str, Any], wanted: Mapping[str, str | Sequence[str]]) -> bool:
    """Whether an event is of a job with these members, or says that events were missed."""
    return event.get("type") == LAGGED or all(
        event.get(name) in ([value] if isinstance(value, str) else value) for name, value in wanted.items()
    )


def teller(out: Out) -> Told:
    """Prints each event."""

    async def told(event: Json) -> None:
        out.item(event, line_of(event))

    return told


def line_of(event: Mapping[str, Any]) -> str:
    """`2026-11-22 05:49:07Z 01a2… echo.handle step_1: started, attempt 1`."""
    at = str(event.get("at") or "")[:19].replace("T", " ")
    if event.get("type") == LAGGED:
        return f"{at}Z events {event.get('missed_from')} to {event.get('missed_to')} were missed: {event.get('reason')}"
    step = f" {event['step']}" if event.get("step") else ""
    return f"{at}Z {event.get('job_id')} {event.get('plugin')}.{event.get('command')}{step}: {happened(event)}"


def happened(event: Mapping[str, Any]) -> str:
    """What an event says of its job."""
    kind = str(event.get("type")).removeprefix("job.")
    if kind == "started":
        return f"started, attempt {event.get('attempt')}"
    if kind == "requeued":
        return f"attempt {event.get('attempt')} {event.get('outcome')}, will be tried again"
    if kind == "held":
        return f"held: {event.get('reason')}"
    return str(event.get("status")) if kind == "ended" else kind
