"""Follows the events of jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from ductile.cli.core.jobs.outage_notices import OutageNotices
from ductile.cli.core.output import Output
from ductile.client import Client
from ductile.client.errors import Refused, Unreachable
from ductile.client.sse import RECONNECT_DELAY_SECONDS, is_temporary
from ductile.model.job import ENDED_STATES

Json = dict[str, Any]
EventHandler = Callable[[Json], Awaitable[None]]
"""Gets each event."""

JOB_EVENTS: Final = ("job.*",)
LAGGED_EVENT: Final = "lagged"


async def follow_job(
    client: Client, start: Callable[[], Awaitable[Json]], handle: EventHandler, outages: OutageNotices
) -> Json:
    """Start or read a job, handle the events of the job and of its steps, and return the job when it has ended.

    The stream of events stands before `start`, so that no event is missed; a stream that ends is opened again.
    """
    job: Json | None = None
    last: str | None = None
    while True:
        try:
            async with client.following(last, JOB_EVENTS) as messages:
                outages.report_return()
                job = await start() if job is None else job
                if job["status"] in ENDED_STATES:
                    return job
                async for message in messages:
                    last = message.id
                    event = orjson.loads(message.data) if message.data else {}
                    if await _has_ended(client, job["job_id"], event, handle):
                        return await client.job(job["job_id"])
        except (Unreachable, Refused) as error:
            if job is None or not is_temporary(error):
                raise
            outages.report_loss(error)
        await asyncio.sleep(RECONNECT_DELAY_SECONDS)


async def _has_ended(client: Client, job_id: str, event: Mapping[str, Any], handle: EventHandler) -> bool:
    if event.get("type") == LAGGED_EVENT:  # the end may be among what was missed
        return (await client.job(job_id))["status"] in ENDED_STATES
    if job_id not in {event.get("job_id"), event.get("root_job_id")}:
        return False
    await handle(dict(event))
    return bool(event["type"] == "job.ended" and event["job_id"] == job_id)


async def follow_jobs(
    client: Client, members: Mapping[str, str | Sequence[str]], handle: EventHandler, outages: OutageNotices
) -> None:
    """Handle the events of all jobs with these members (plugin, command, one of the statuses), until interrupted."""
    last: str | None = None
    connected = False
    while True:
        try:
            async with client.following(last, JOB_EVENTS) as messages:
                connected = True
                outages.report_return()
                async for message in messages:
                    last = message.id
                    event = orjson.loads(message.data) if message.data else None
                    if event is not None and matches(event, members):
                        await handle(event)
        except (Unreachable, Refused) as error:
            if not connected or not is_temporary(error):
                raise
            outages.report_loss(error)
        await asyncio.sleep(RECONNECT_DELAY_SECONDS)


def matches(event: Mapping[str, Any], members: Mapping[str, str | Sequence[str]]) -> bool:
    """Whether the event is of a job with these members, or reports missed events."""
    return event.get("type") == LAGGED_EVENT or all(
        event.get(name) in ([value] if isinstance(value, str) else value) for name, value in members.items()
    )


def event_printer(out: Output) -> EventHandler:
    """Prints each event."""

    async def print_event(event: Json) -> None:
        out.print_item(event, event_line(event))

    return print_event


def event_line(event: Mapping[str, Any]) -> str:
    """`2026-11-22 05:49:07Z 01a2… echo.handle step_1: started, attempt 1`."""
    at = str(event.get("at") or "")[:19].replace("T", " ")
    if event.get("type") == LAGGED_EVENT:
        return f"{at}Z events {event.get('missed_from')} to {event.get('missed_to')} were missed: {event.get('reason')}"
    step = f" {event['step']}" if event.get("step") else ""
    return f"{at}Z {event.get('job_id')} {event.get('plugin')}.{event.get('command')}{step}: {describe_event(event)}"


def describe_event(event: Mapping[str, Any]) -> str:
    """The event in words."""
    kind = str(event.get("type")).removeprefix("job.")
    if kind == "started":
        return f"started, attempt {event.get('attempt')}"
    if kind == "requeued":
        return f"attempt {event.get('attempt')} {event.get('outcome')}, will be tried again"
    if kind == "held":
        return f"held: {event.get('reason')}"
    return str(event.get("status")) if kind == "ended" else kind
