"""`ductile job`: look at what was run, cancel it, run it again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.command import command, noun
from ductile.cli.completing import CommandFilter, EndedJobs, Job, OpenJobs, PluginFilter, StatusFilter
from ductile.cli.moments import lasted, moment
from ductile.cli.output import Column, Out
from ductile.cli.waiting import end_as, wait_for

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = noun("Look at what was run, cancel it, run it again.")

Json = dict[str, Any]
PAGE = 1000
"""Jobs that a gateway lists at once, at most."""
COLUMNS: Mapping[str, Column] = {
    "JOB": "job_id",
    "PLUGIN": "plugin",
    "COMMAND": "command",
    "STATUS": "status",
    "ATTEMPT": "attempt",
    "CREATED": lambda row: moment(row.get("created_at")),
    "TOOK": lambda row: lasted(row.get("started_at"), row.get("completed_at")),
}

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many, the newest.")]
All = Annotated[bool, typer.Option("--all", help="All of them, however many.")]
Watch = Annotated[bool, typer.Option("--follow", help="Print what happens to jobs as it does, until Ctrl-C.")]


@command(app, "list", gateway=True)
def list_(
    out: Out,
    *,
    plugin: PluginFilter = None,
    command_: CommandFilter = None,
    status: StatusFilter = None,
    limit: Limit = 50,
    all_: All = False,
    follow: Watch = False,
) -> None:
    """List jobs, the newest first. With --follow, print what happens to them instead, from now on."""
    filters = {"plugin": plugin, "command": command_, "status": status}
    given = {name: value for name, value in filters.items() if value is not None}
    if follow:
        watch(out, given)
        return
    page = out.ask(lambda client: pages(client, given, None if all_ else limit))
    out.rows(COLUMNS, page["jobs"], document=page)
    left = page["total"] - len(page["jobs"])
    if left > 0 and out.for_people:
        more = "more than " if page.get("total_capped") else ""
        out.tell(f"{len(page['jobs'])} of {more}{page['total']} jobs; --all lists all, --limit N more.")


def watch(out: Out, wanted: Mapping[str, str]) -> None:
    """Print what happens to such jobs. Ends with an error, or interrupted."""
    from ductile.cli.follow import follow_jobs, teller  # noqa: PLC0415 - imports the client

    out.ask(lambda client: follow_jobs(client, wanted, teller(out)))


async def pages(client: "Client", filters: Mapping[str, Any], wanted: int | None) -> Json:
    """`{jobs, total}`: so many jobs, page by page, or all."""
    rows: list[Json] = []
    cursor: dict[str, Any] = {}
    while True:
        room = PAGE if wanted is None else min(PAGE, wanted - len(rows))
        page = await client.jobs(**filters, **cursor, limit=room)
        rows += page["jobs"]
        if page["cursor"] is None or not page["jobs"] or len(rows) == wanted:
            return {**page, "jobs": rows}
        cursor = {"cursor": page["cursor"]}


@command(app, gateway=True)
def inspect(
    out: Out,
    job_id: Job,
    *,
    tree: Annotated[bool, typer.Option("--tree", help="The job and everything below it.")] = False,
) -> None:
    """Show a job: where it stands, what it answered, and why it failed."""
    if tree:
        show_tree(out, out.ask(lambda client: client.tree(job_id)))
    else:
        out.fields(out.ask(lambda client: client.job(job_id)))


@command(app, "tree", gateway=True)
def tree_(out: Out, job_id: Job) -> None:
    """Show a job and everything below it: each step with what it answered."""
    show_tree(out, out.ask(lambda client: client.tree(job_id)))


def show_tree(out: Out, rows: list[Json]) -> None:
    """The rows of a tree, each step indented below the one it followed."""
    names = indented(rows)
    columns: dict[str, Column] = {
        "STEP": lambda row: names[id(row)],
        "PLUGIN": "plugin",
        "COMMAND": "command",
        "STATUS": "status",
        "JOB": "job_id",
        "RESULT": said,
    }
    out.rows(columns, below_their_parents(rows) if out.for_people else rows)


def below_their_parents(rows: list[Json]) -> list[Json]:
    """The rows as a walk through the tree meets them: each one's branches before its next sibling."""
    known = {row["job_id"] for row in rows}
    children: dict[Any, list[Json]] = {}
    for row in rows:
        parent = row.get("parent_job_id")
        children.setdefault(parent if parent in known else None, []).append(row)
    walked: list[Json] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        row = waiting.pop()
        walked.append(row)
        if row["job_id"] is not None:
            waiting.extend(reversed(children.get(row["job_id"], [])))
    return walked


def indented(rows: list[Json]) -> dict[int, str]:
    """The name of each row (by identity), indented below the one it followed."""
    depth: dict[str | None, int] = {}
    names = {}
    for row in below_their_parents(rows):
        level = depth.get(row.get("parent_job_id"), -1) + 1
        if row["job_id"] is not None:
            depth[row["job_id"]] = level
        names[id(row)] = "  " * level + str(row.get("step") or row.get("plugin"))
    return names


def said(row: Mapping[str, Any]) -> Any:
    """What a job answered, or why it did not or was passed by."""
    result = row.get("result")
    answer = result.get("result", result.get("error")) if isinstance(result, dict) else result
    return answer if answer is not None else row.get("last_error") or row.get("reason")


@command(app, gateway=True, changes=True)
def cancel(out: Out, job_ids: OpenJobs) -> None:
    """Cancel jobs or runs. A running attempt is stopped first; exits with 1 if one of them could not be cancelled."""
    each(out, job_ids, lambda client, job_id: client.cancel(job_id, dry_run=out.dry_run))


@command(app, gateway=True, changes=True, waits=True)
def retry(out: Out, job_ids: EndedJobs) -> None:
    """Start ended jobs or runs again, as new ones. With --wait, exits with 1 if one of them fails."""

    async def again(client: "Client", job_id: str) -> Json:
        started = await client.retry(job_id, dry_run=out.dry_run)
        return await wait_for(out, client, started) if out.wait and not out.dry_run else started

    each(out, job_ids, again)


def each(out: Out, job_ids: list[str], order: Any) -> None:
    """Do it to every job, whatever becomes of the others; print what each has become, and fail as the first one did."""
    from ductile.client import Refused  # noqa: PLC0415 - aiohttp, which --help does not need

    failures: list[Refused] = []

    async def work(client: "Client") -> list[Json]:
        done = []
        for job_id in job_ids:
            try:
                done.append(await order(client, job_id))
            except Refused as error:
                failures.append(error)
        return done

    done = out.ask(work)
    if len(job_ids) > 1:
        columns: dict[str, Column] = {"JOB": "job_id", "STATUS": "status", "PLUGIN": "plugin", "COMMAND": "command"}
        out.rows(columns, done)
    elif done:
        out.fields(done[0])
    end_all(out, done, failures)


def end_all(out: Out, done: list[Json], failures: list[Any]) -> None:
    """Raises the first failure; the others are told. Else as the first job ended that was waited for in vain."""
    for error in failures[1:]:
        out.tell(f"ductile: {error.message}")
    if failures:
        raise failures[0]
    if out.wait and not out.dry_run:
        for job in done:
            end_as(out, job)
