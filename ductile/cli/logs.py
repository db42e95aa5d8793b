"""`ductile job logs`: what attempts said, of a job or of all."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.codes import Exit, UsageError
from ductile.cli.command import command, noun
from ductile.cli.completing import CommandFilter, PluginFilter, jobs
from ductile.cli.job_ids import Last, on_job, require_job
from ductile.cli.moments import lasted, moment, read_time
from ductile.cli.output import Out
from ductile.cli.status_filter import ATTEMPT_STATUSES, BAD_ATTEMPT_ENDS, Exact, StatusFilter, read_statuses
from ductile.cli.waiting import look_at
from ductile.model.job import PIPELINE_PLUGIN, UNSUCCESSFUL_STATES

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = noun("What attempts said.")

Json = dict[str, Any]
PAGE = 200
"""Attempts that a gateway lists at once, at most."""

JobOrAll = Annotated[str | None, typer.Argument(metavar="[ID]", autocompletion=jobs, show_default=False)]
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
    out: Out,
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
        search(out, {**filters, "include_result": results or None}, limit)
    elif any(value is not None for value in filters.values()) or results:
        raise UsageError(reason="the options choose among all jobs; with an ID, leave them out")
    elif follow:
        follow_logs(out, job_id, last=last)
    else:
        whole = out.ask(lambda client: on_job(client, job_id, lambda one: logs_of(client, one), last=last))
        out.lines((line for one in whole["logs"] for line in attempt_lines(one)), document=whole)


def search(out: Out, filters: Mapping[str, Any], limit: int) -> None:
    """The attempts that the filters choose."""
    page = out.ask(lambda client: pages(client, filters, limit))
    out.lines((line for one in page["logs"] for line in attempt_lines(one)), document=page)
    left = page["total"] - len(page["logs"])
    if left > 0 and out.for_people:
        more = "more than " if page.get("total_capped") else ""
        out.tell(f"{len(page['logs'])} of {more}{page['total']} attempts; --limit N shows more.")


async def pages(client: "Client", filters: Mapping[str, Any], limit: int) -> Json:
    """`{logs, total}`: so many attempts, page by page."""
    rows: list[Json] = []
    cursor: str | None = None
    while True:
        page = await client.logs(**filters, cursor=cursor, limit=min(PAGE, limit - len(rows)))
        rows += page["logs"]
        cursor = page["cursor"]
        if cursor is None or len(rows) >= limit:
            return {**page, "logs": rows}


async def logs_of(client: "Client", job_id: str) -> Json:
    """`{job_id, logs}` of a job; of a run the attempts of its steps, by their end, each with its job and step."""
    whole = await client.job_logs(job_id)
    if whole["logs"] or not await is_run(client, job_id):
        return whole
    steps = [row for row in await client.tree(job_id) if row["job_id"] not in {None, job_id}]
    found = [
        {"job_id": row["job_id"], "step": row["step"], **one}
        for row in steps
        for one in (await client.job_logs(row["job_id"]))["logs"]
    ]
    return {"job_id": job_id, "logs": sorted(found, key=lambda one: str(one["completed_at"]))}


async def is_run(client: "Client", job_id: str) -> bool:
    """Whether the job is a run, which has no attempts of its own. One whose row is gone is none."""
    from ductile.client.errors import NotFoundError  # noqa: PLC0415 - aiohttp, which --help does not need

    try:
        return bool((await client.job(job_id))["plugin"] == PIPELINE_PLUGIN)
    except NotFoundError:
        return False


def follow_logs(out: Out, given: str | None, *, last: bool) -> None:
    """Print what a job says, as it does. Raises Exit (1) where the job failed."""
    from asyncio import CancelledError  # noqa: PLC0415 - only what waits needs an event loop

    from ductile.cli.live_logs import LiveLogs  # noqa: PLC0415 - imports aiohttp

    async def work(client: "Client") -> Json:
        async def followed(job_id: str) -> Json:
            try:
                return await LiveLogs(out, client).follow(job_id)
            except CancelledError:  # Ctrl-C
                out.tell(f"The job goes on. {look_at({'job_id': job_id})}.")
                raise

        job: Json = await on_job(client, given, followed, last=last)
        return job

    job = out.ask(work, waits_for=None, loop=True)
    out.tell(f"Job {job['job_id']} has ended {job['status']}. {look_at(job)}.")
    if job["status"] in UNSUCCESSFUL_STATES:
        raise typer.Exit(Exit.FAILED)


def attempt_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """A line on how an attempt ended or that it runs, and below it what it said."""
    yield headline(one)
    yield from said("error", one.get("last_error"))
    for entry in one.get("logs") or ():
        yield from entry_lines(entry)
    yield from rest_lines(one)


def headline(one: Mapping[str, Any]) -> str:
    """`2026-11-22 05:49:07Z echo.say attempt 1: failed in 12 ms`; of one that runs, when it began."""
    step = f" {one['step']}" if one.get("step") else ""
    job = f" {one['job_id']}" if one.get("job_id") else ""
    took = lasted(one.get("started_at"), one.get("completed_at"))
    within = f" in {took}" if took else ""
    at = moment(one.get("completed_at") or one.get("started_at"))
    return f"{at}{job}{step} {one['plugin']}.{one['command']} attempt {one['attempt']}: {one['status']}{within}"


def entry_lines(entry: Mapping[str, Any]) -> Sequence[str]:
    """An entry of a plugin's log."""
    return said(str(entry.get("level") or "log"), entry.get("message"))


def rest_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """What an attempt left behind beside its log."""
    yield from said("progress", one.get("progress"))
    yield from said("stderr", one.get("stderr"))
    yield from said("stdout", one.get("stdout"))
    answer = one.get("result")
    if isinstance(answer, Mapping):
        yield from said("result", answer.get("result"))


def said(title: str, text: Any) -> Sequence[str]:
    """Lines under a title; nothing where nothing was said."""
    from ductile.cli.words import shown  # noqa: PLC0415 - only with logs

    if text is None or text == "":
        return ()
    first, *more = shown(text).rstrip("\n").split("\n")
    return [f"  {title}: {first}", *(f"  {' ' * len(title)}  {line}" for line in more)]
