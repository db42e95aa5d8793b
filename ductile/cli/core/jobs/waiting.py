"""Starts jobs and waits for their end, without a limit of its own."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ductile.cli.core.errors import UsageError, WaitedTooLong
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.jobs.attempt_notices import AttemptNotices
from ductile.cli.core.output import Output
from ductile.model.job import ENDED_STATES, UNSUCCESSFUL_STATES

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

Json = dict[str, Any]
Follow = Annotated[
    bool, typer.Option("--follow", help="Print what happens to the job and its steps, until it has ended.")
]
JobCall = Callable[["Client"], Coroutine[Any, Any, Json]]
JobObserver = Callable[[Json], Awaitable[None]]

CALL_WAIT_SECONDS: Final = 20.0
"""Seconds that one call waits; proxies would take a longer call for a dead connection."""
NOTICE_WAIT_SECONDS: Final = 2.0
"""Seconds that one call waits where failed attempts are reported meanwhile."""
PAUSE_SECONDS: Final = 0.25
"""Seconds before the next call where a gateway answered at once although the call asked it to wait."""


def run_job(out: Output, start: JobCall, *, follow: bool = False) -> Json:
    """Start a job and wait for its end where --wait or --follow says so: the job, or the accepted submission."""
    if follow and out.wait:
        raise UsageError(reason="--follow waits by itself; leave --wait out")

    async def work(client: "Client") -> Json:
        if follow and not out.dry_run:
            return await follow_started_job(out, client, lambda: start(client))
        accepted = await start(client)
        if out.dry_run or not out.wait or "job_id" not in accepted:
            return accepted
        return await wait_for_job(out, client, accepted)

    job: Json = out.call_gateway(work, waits_for=None, loop=True) if follow else out.call_gateway(work, loop=out.wait)
    return job


async def follow_started_job(out: Output, client: "Client", start: Callable[[], Awaitable[Json]]) -> Json:
    """The job when it has ended; its events are printed meanwhile."""
    from asyncio import CancelledError  # only what waits needs an event loop

    from ductile.cli.core.jobs.events import event_printer, follow_job  # imports aiohttp
    from ductile.cli.core.jobs.outage_notices import OutageNotices

    started_jobs: list[Json] = []

    async def note_start() -> Json:
        started_jobs.append(await start())
        return started_jobs[0]

    try:
        return await follow_job(client, note_start, event_printer(out), OutageNotices(out))
    except CancelledError:  # Ctrl-C
        if started_jobs:
            out.tell(f"The job goes on. {inspect_hint(started_jobs[0])}.")
        raise


async def wait_for_job(out: Output, client: "Client", job: Json) -> Json:
    """The job once it has ended, or when --timeout is over. Ctrl-C prints that the job goes on."""
    if job.get("status") in ENDED_STATES and "result" in job:
        return job
    from asyncio import CancelledError

    from ductile.client.errors import Unreachable

    out.tell_detail(f"Waiting for job {job['job_id']}")
    try:
        with out.show_spinner(f"Waiting for job {job['job_id']}"):
            return await poll_until_ended(
                client, job["job_id"], out.timeout, AttemptNotices(out, client).report_failures
            )
    except Unreachable as error:
        from ductile.cli.core.jobs.outage_notices import GatewayLost

        raise GatewayLost(job_id=job["job_id"], **error.details) from error
    except CancelledError:  # Ctrl-C
        out.tell(f"The job goes on. {inspect_hint(job)}.")
        raise


async def poll_until_ended(
    client: "Client",
    job_id: str,
    timeout: float | None,  # noqa: ASYNC109 - ends in an answer
    observe: JobObserver | None = None,
) -> Json:
    """The job when it has ended, or after so many seconds; `observe` gets the job after each call."""
    import asyncio

    clock = asyncio.get_running_loop().time
    deadline = None if timeout is None else clock() + timeout
    while True:
        began = clock()
        most = CALL_WAIT_SECONDS if observe is None else NOTICE_WAIT_SECONDS
        left = most if deadline is None else min(most, max(deadline - began, 0.0))
        job = await read_job(client, job_id, left)
        if job["status"] in ENDED_STATES or left == 0:
            return job
        if observe is not None:
            await observe(job)
        if clock() - began < min(left, PAUSE_SECONDS):
            await asyncio.sleep(min(left, PAUSE_SECONDS))


async def read_job(client: "Client", job_id: str, wait: float) -> Json:
    """The job when it has ended, or after so many seconds; at once from a gateway with too many waiters."""
    from ductile.client.errors import Refused

    try:
        return await client.job(job_id, wait=wait)
    except Refused as error:
        if error.envelope.get("error") != "too_many_waiters":
            raise
        return await client.job(job_id)


def print_job(out: Output, job: Mapping[str, Any], *, follow: bool = False) -> None:
    """Print the job, and exit with 1 if it failed, with 6 if it has not ended in time."""
    if follow and not out.for_people:
        out.print_item(job, "")  # the last of the stream
    else:
        out.print_fields(job)
    if not out.dry_run:
        exit_as_job(out, job)


def exit_as_job(out: Output, job: Mapping[str, Any]) -> None:
    """Raises Exit (1) if the job failed, WaitedTooLong if it goes on though the command waited for its end."""
    if job.get("status") in UNSUCCESSFUL_STATES:
        raise typer.Exit(ExitCode.FAILED)
    if out.wait and job.get("status") not in ENDED_STATES:
        raise WaitedTooLong(
            what="The job has not ended", waited=f"{out.timeout or 0:g} seconds", then=inspect_hint(job)
        )


def inspect_hint(job: Mapping[str, Any]) -> str:
    """The command that shows the job."""
    return f"See: ductile job inspect {job.get('job_id')}"
