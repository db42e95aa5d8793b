"""`ductile job logs`: the logs of attempts, of a job or of all jobs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import CommandFilter, PluginFilter, complete_jobs
from ductile.cli.core.errors import UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.jobs.attempt_text import attempt_lines
from ductile.cli.core.jobs.job_ids import Last, call_with_job_id, require_job
from ductile.cli.core.jobs.status_filter import ATTEMPT_STATUSES, BAD_ATTEMPT_ENDS, Exact, StatusFilter, read_statuses
from ductile.cli.core.jobs.waiting import inspect_hint
from ductile.cli.core.output import Output
from ductile.cli.core.time_format import read_time
from ductile.model.job import PIPELINE_PLUGIN, UNSUCCESSFUL_STATES

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = new_group("What attempts said.")

Json = dict[str, Any]
PAGE_ROWS = 200
"""Attempts that a gateway lists at once, at most."""

JobOrAll = Annotated[str | None, typer.Argument(metavar="[ID]", autocompletion=complete_jobs, show_default=False)]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow", help="Print what is said as it is said, until the job has ended; exits with 1 if it failed."
    ),
]
Query = Annotated[
    str | None,
    typer.Option(
        "--query", metavar="WORDS", help='Search error, stderr and result: all the words, "a phrase", time*, -not, OR.'
    ),
]
SubmittedBy = Annotated[
    str | None, typer.Option("--submitted-by", metavar="KIND", help="Such as api, schedule, webhook, route or hook.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", "--from", metavar="TIME", help="Ended then or later: 10m (ago), 2030-01-31T09:00:00Z."),
]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Ended then or earlier.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many attempts, the newest.")]
Results = Annotated[bool, typer.Option("--results", help="What the plugins answered, too.")]


@command(
    app,
    "logs",
    gateway=True,
    epilog="Without an ID: the attempts of all jobs, the newest first, as the options choose them.",
)
def logs(
    out: Output,
    job_id: JobOrAll = None,
    *,
    last: Last = False,
    follow: Follow = False,
    query: Query = None,
    plugin: PluginFilter = None,
    command_: CommandFilter = None,
    status: StatusFilter = None,
    exact: Exact = False,
    submitted_by: SubmittedBy = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    results: Results = False,
) -> None:
    """Show what the attempts of a job said, its steps' too; or search those of all jobs with --query."""
    statuses = read_statuses(status, exact=exact, bad_ends=BAD_ATTEMPT_ENDS, known=ATTEMPT_STATUSES)
    filters = {"query": query, "plugin": plugin, "command": command_, "status": statuses or None}
    filters |= {
        "submitted_by": submitted_by,
        "from_": None if since is None else read_time(since, "--since"),
        "to": None if until is None else read_time(until, "--to"),
    }
    if last:
        require_job(job_id, last=last)
    if job_id is None and not last:
        if follow:
            raise UsageError(reason="--follow needs the ID of a job, or --last")
        print_search(out, {**filters, "include_result": results or None}, limit)
    elif any(value is not None for value in filters.values()) or results:
        raise UsageError(reason="the options choose among all jobs; with an ID, leave them out")
    elif follow:
        print_live_logs(out, job_id, last=last)
    else:
        page = out.call_gateway(
            lambda client: call_with_job_id(client, job_id, lambda one: read_job_logs(client, one), last=last)
        )
        out.print_lines((line for one in page["logs"] for line in attempt_lines(one)), document=page)


def print_search(out: Output, filters: Mapping[str, Any], limit: int) -> None:
    """Print the attempts that match the filters."""
    page = out.call_gateway(lambda client: read_pages(client, filters, limit))
    out.print_lines((line for one in page["logs"] for line in attempt_lines(one)), document=page)
    left = page["total"] - len(page["logs"])
    if left > 0 and out.for_people:
        more = "more than " if page.get("total_capped") else ""
        out.tell(f"{len(page['logs'])} of {more}{page['total']} attempts; --limit N shows more.")


async def read_pages(client: "Client", filters: Mapping[str, Any], limit: int) -> Json:
    """`{logs, total}`: at most so many attempts, read page by page."""
    rows: list[Json] = []
    cursor: str | None = None
    while True:
        page = await client.logs(**filters, cursor=cursor, limit=min(PAGE_ROWS, limit - len(rows)))
        rows += page["logs"]
        cursor = page["cursor"]
        if cursor is None or len(rows) >= limit:
            return {**page, "logs": rows}


async def read_job_logs(client: "Client", job_id: str) -> Json:
    """`{job_id, logs}` of a job; of a run the attempts of its steps, by their end, each with its job and step."""
    page = await client.job_logs(job_id)
    if page["logs"] or not await is_run(client, job_id):
        return page
    steps = [row for row in await client.tree(job_id) if row["job_id"] not in {None, job_id}]
    attempts = [
        {"job_id": row["job_id"], "step": row["step"], **one}
        for row in steps
        for one in (await client.job_logs(row["job_id"]))["logs"]
    ]
    return {"job_id": job_id, "logs": sorted(attempts, key=lambda one: str(one["completed_at"]))}


async def is_run(client: "Client", job_id: str) -> bool:
    """Whether the job is a run, which has no attempts of its own. A deleted job counts as none."""
    from ductile.client.errors import NotFoundError  # aiohttp, which --help does not need

    try:
        return bool((await client.job(job_id))["plugin"] == PIPELINE_PLUGIN)
    except NotFoundError:
        return False


def print_live_logs(out: Output, given: str | None, *, last: bool) -> None:
    """Print the logs of a job as they come. Raises Exit (1) if the job failed."""
    from asyncio import CancelledError  # only what waits needs an event loop

    from ductile.cli.core.jobs.live_logs import LiveLogs  # imports aiohttp

    async def work(client: "Client") -> Json:
        async def follow_logs(job_id: str) -> Json:
            try:
                return await LiveLogs(out, client).follow(job_id)
            except CancelledError:  # Ctrl-C
                out.tell(f"The job goes on. {inspect_hint({'job_id': job_id})}.")
                raise

        job: Json = await call_with_job_id(client, given, follow_logs, last=last)
        return job

    job = out.call_gateway(work, waits_for=None, loop=True)
    out.tell(f"Job {job['job_id']} has ended {job['status']}. {inspect_hint(job)}.")
    if job["status"] in UNSUCCESSFUL_STATES:
        raise typer.Exit(ExitCode.FAILED)
