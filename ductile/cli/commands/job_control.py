"""`ductile job cancel` and `retry`: stop jobs, and run them again."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

from ductile.cli.commands.job import CANCELLING_STATUS
from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import EndedJobs, OpenJobs
from ductile.cli.core.errors import WaitedTooLong
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.jobs.job_ids import Last, find_ids, require_job
from ductile.cli.core.jobs.waiting import exit_as_job, inspect_hint, wait_for_job
from ductile.cli.core.output import Column, Output
from ductile.model.job import ENDED_STATES, State

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client
    from ductile.client.errors import Refused

app = new_group("Stop jobs, and run them again.")

Json = dict[str, Any]


@command(app, gateway=True, changes=True, waits=True)
def cancel(out: Output, job_ids: OpenJobs = None, *, last: Last = False) -> None:
    """Cancel jobs or runs. What runs is stopped first: the job is `cancelling` until then, which --wait waits for.

    Exits with 1 if one of them could not be cancelled.
    """

    async def order(client: "Client", job_id: str) -> Json:
        answer = await client.cancel(job_id, dry_run=out.dry_run)
        if out.dry_run or answer["status"] in ENDED_STATES:
            return answer
        return await wait_for_job(out, client, answer) if out.wait else {**answer, "status": CANCELLING_STATUS}

    jobs, failures = call_for_each(out, job_ids, order, last=last)
    if any(job.get("status") == CANCELLING_STATUS for job in jobs):
        out.tell("What runs is being stopped; --wait waits until it has.")
    raise_first_refusal(out, failures)
    for job in [] if out.dry_run else jobs:
        if out.wait and job["status"] not in ENDED_STATES:
            raise WaitedTooLong(
                what="The job is not cancelled", waited=f"{out.timeout or 0:g} seconds", then=inspect_hint(job)
            )
        if job["status"] not in {State.CANCELLED, CANCELLING_STATUS}:
            out.tell(f"Job {job['job_id']} had ended {job['status']} before it could be cancelled.")
            raise typer.Exit(ExitCode.FAILED)


@command(app, gateway=True, changes=True, waits=True)
def retry(out: Output, job_ids: EndedJobs = None, *, last: Last = False) -> None:
    """Start ended jobs or runs again, as new ones. With --wait, exits with 1 if one of them fails."""

    async def order(client: "Client", job_id: str) -> Json:
        started = await client.retry(job_id, dry_run=out.dry_run)
        return await wait_for_job(out, client, started) if out.wait and not out.dry_run else started

    jobs, failures = call_for_each(out, job_ids, order, last=last)
    raise_first_refusal(out, failures)
    for job in jobs if out.wait and not out.dry_run else []:
        exit_as_job(out, job)


def call_for_each(
    out: Output, given: list[str] | None, order: "Callable[[Client, str], Awaitable[Json]]", *, last: bool
) -> "tuple[list[Json], list[Refused]]":
    """Apply the order to every job, also after a refusal; print and return the jobs, and the refusals."""
    require_job(given, last=last)
    from ductile.client import Refused  # aiohttp, which --help does not need

    failures: list[Refused] = []

    async def work(client: "Client") -> list[Json]:
        jobs = []
        for job_id in await find_ids(client, given, last=last):
            try:
                jobs.append(await order(client, job_id))
            except Refused as error:
                failures.append(error)
        return jobs

    jobs = out.call_gateway(work, loop=out.wait)
    if len(given or ()) > 1:
        columns: dict[str, Column] = {"JOB": "job_id", "STATUS": "status", "PLUGIN": "plugin", "COMMAND": "command"}
        out.print_rows({"JOB": "job_id", "WOULD": "would"} if out.dry_run else columns, jobs)
    elif jobs:
        out.print_fields(jobs[0])
    return jobs, failures


def raise_first_refusal(out: Output, failures: "list[Refused]") -> None:
    """Raises the first refusal; prints the others."""
    for error in failures[1:]:
        out.tell(f"ductile: {error.message}")
    if failures:
        raise failures[0]
