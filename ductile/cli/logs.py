"""`ductile job logs`: what attempts said, of a job or of all."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.codes import Exit, UsageError
from ductile.cli.command import command, noun
from ductile.cli.completing import CommandFilter, PluginFilter, StatusFilter, jobs
from ductile.cli.moments import lasted, moment
from ductile.cli.output import Out
from ductile.cli.waiting import look_at
from ductile.model.job import PIPELINE, UNSUCCESSFUL

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = noun("What attempts said.")

Json = dict[str, Any]
PAGE = 200
"""Attempts that a gateway lists at once, at most."""

JobOrAll = Annotated[str | None, typer.Argument(metavar="[ID]", autocompletion=jobs, show_default=False)]
Follow = Annotated[
    bool,
    typer.Option("--follow", help="Print each attempt when it ends, until the job has; exits with 1 if it failed."),
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
Since = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Ended then or later: 2030-01-31T09:00:00Z.")]
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
    follow: Follow = False,
    query: Query = None,
    plugin: PluginFilter = None,
    command_: CommandFilter = None,
    status: StatusFilter = None,
    submitted_by: SubmittedBy = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    results: Results = False,
) -> None:
    """Show what the attempts of a job said, its steps' too; or search those of all jobs with --query."""
    filters = {"query": query, "plugin": plugin, "command": command_, "status": status}
    filters |= {"submitted_by": submitted_by, "from_": since, "to": until}
    if job_id is None:
        if follow:
            raise UsageError(reason="--follow needs the ID of a job")
        search(out, {**filters, "include_result": results or None}, limit)
    elif any(value is not None for value in filters.values()) or results:
        raise UsageError(reason="the options choose among all jobs; with an ID, leave them out")
    elif follow:
        follow_logs(out, job_id)
    else:
        whole = out.ask(lambda client: logs_of(client, job_id))
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
    from ductile.answer import NotFoundError  # noqa: PLC0415 - aiohttp, which --help does not need

    try:
        return bool((await client.job(job_id))["plugin"] == PIPELINE)
    except NotFoundError:
        return False


def follow_logs(out: Out, job_id: str) -> None:
    """Print each attempt when it has ended. Raises Exit (1) where the job failed."""
    from ductile.cli.follow import follow_job  # noqa: PLC0415 - imports the client

    seen: set[tuple[str, int]] = set()

    async def work(client: "Client") -> Json:
        async def show_new() -> None:
            for one in (await logs_of(client, job_id))["logs"]:
                key = (one.get("job_id", job_id), one["attempt"])
                if key not in seen:
                    seen.add(key)
                    out.item({"job_id": job_id, **one}, "\n".join(attempt_lines(one)))

        async def start() -> Json:
            job = await client.job(job_id)
            await show_new()
            return job

        async def told(event: Mapping[str, Any]) -> None:
            if event["type"] in {"job.ended", "job.requeued"}:
                await show_new()

        job = await follow_job(client, start, told)
        await show_new()
        return job

    job = out.ask(work)
    out.tell(f"Job {job_id} has ended {job['status']}. {look_at(job)}.")
    if job["status"] in UNSUCCESSFUL:
        raise typer.Exit(Exit.FAILED)


def attempt_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """A line on how an attempt ended, and below it what it said."""
    step = f" {one['step']}" if one.get("step") else ""
    job = f" {one['job_id']}" if one.get("job_id") else ""
    took = lasted(one.get("started_at"), one.get("completed_at"))
    within = f" in {took}" if took else ""
    yield (
        f"{moment(one['completed_at'])}{job}{step} {one['plugin']}.{one['command']} "
        f"attempt {one['attempt']}: {one['status']}{within}"
    )
    yield from said("error", one.get("last_error"))
    for entry in one.get("logs") or ():
        yield from said(str(entry.get("level") or "log"), entry.get("message"))
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
