"""`ductile job list`, `inspect` and `tree`: look at what was run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import CommandFilter, Job, PluginFilter
from ductile.cli.core.errors import UsageError
from ductile.cli.core.jobs.job_ids import Last, call_with_job_id, require_job
from ductile.cli.core.jobs.status_filter import BAD_JOB_ENDS, JOB_STATUSES, Exact, StatusFilter, read_statuses
from ductile.cli.core.output import Column, Output
from ductile.cli.core.time_format import format_duration, read_time
from ductile.model.job import ENDED_STATES

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = new_group("Look at what was run.")

Json = dict[str, Any]
CANCELLING_STATUS: Final = "cancelling"
"""The status that the command line shows for a job that is being stopped."""
PAGE_ROWS = 1000
"""Jobs that a gateway lists at once, at most."""

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many, the newest.")]
All = Annotated[bool, typer.Option("--all", help="All of them, however many.")]
Watch = Annotated[bool, typer.Option("--follow", help="Print what happens to jobs as it does, until Ctrl-C.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Made then or later: 10m (ago), 2030-01-31, 2030-01-31T09:00:00Z."),
]


@command(app, "list", gateway=True)
def list_(
    out: Output,
    *,
    plugin: PluginFilter = None,
    command_: CommandFilter = None,
    status: StatusFilter = None,
    exact: Exact = False,
    since: Since = None,
    limit: Limit = 50,
    all_: All = False,
    follow: Watch = False,
) -> None:
    """List jobs, the newest first, and why those wait that do. With --follow, print what happens to them instead."""
    statuses = read_statuses(status, exact=exact, bad_ends=BAD_JOB_ENDS, known=JOB_STATUSES)
    filters = {"plugin": plugin, "command": command_, "status": statuses or None}
    chosen_filters = {name: value for name, value in filters.items() if value is not None}
    if follow:
        if since is not None:
            raise UsageError(reason="--follow tells what happens from now on; leave --since out")
        print_events(out, chosen_filters)
        return
    if since is not None:
        chosen_filters["from_"] = read_time(since, "--since")
    page = out.call_gateway(lambda client: read_pages(client, chosen_filters, None if all_ else limit))
    out.print_rows(job_columns(out, page["jobs"]), page["jobs"], document=page)
    left = page["total"] - len(page["jobs"])
    if left > 0 and out.for_people:
        more = "more than " if page.get("total_capped") else ""
        out.tell(f"{len(page['jobs'])} of {more}{page['total']} jobs; --all lists all, --limit N more.")
    if not page["jobs"] and out.for_people:
        out.tell("There is no such job." if chosen_filters else "There is no job yet.")


def job_columns(out: Output, rows: Sequence[Json]) -> Mapping[str, Column]:
    """The columns of a list of jobs; if one waits, also its reason and the time until when."""
    columns: dict[str, Column] = {
        "JOB": "job_id",
        "PLUGIN": "plugin",
        "COMMAND": "command",
        "STATUS": job_status,
        "ATTEMPT": "attempt",
        "CREATED": lambda row: out.format_time(row.get("created_at")),
        "TOOK": lambda row: format_duration(row.get("started_at"), row.get("completed_at")),
    }
    if any(row.get("waiting") for row in rows):
        columns["WAITS FOR"] = lambda row: (row.get("waiting") or {}).get("message")
    if any((row.get("waiting") or {}).get("until") for row in rows):
        columns["NEXT START"] = lambda row: out.format_time((row.get("waiting") or {}).get("until"))
    return columns


def job_status(row: Mapping[str, Any]) -> Any:
    """The status of a job; `cancelling` while its running attempt is stopped."""
    return (
        CANCELLING_STATUS
        if row.get("cancel_requested_at") and row.get("status") not in ENDED_STATES
        else row.get("status")
    )


def print_events(out: Output, wanted: Mapping[str, Any]) -> None:
    """Print the events of these jobs until an error or Ctrl-C."""
    from ductile.cli.core.jobs.events import event_printer, follow_jobs  # imports aiohttp
    from ductile.cli.core.jobs.outage_notices import OutageNotices

    out.call_gateway(
        lambda client: follow_jobs(client, wanted, event_printer(out), OutageNotices(out)), waits_for=None, loop=True
    )


async def read_pages(client: "Client", filters: Mapping[str, Any], wanted: int | None) -> Json:
    """`{jobs, total}`: the wanted number of jobs, or all, read page by page."""
    rows: list[Json] = []
    cursor: dict[str, Any] = {}
    while True:
        room = PAGE_ROWS if wanted is None else min(PAGE_ROWS, wanted - len(rows))
        page = await client.jobs(**filters, **cursor, limit=room, include_details=True)
        rows += page["jobs"]
        if page["cursor"] is None or not page["jobs"] or len(rows) == wanted:
            return {**page, "jobs": rows}
        cursor = {"cursor": page["cursor"]}


@command(app, gateway=True)
def inspect(
    out: Output,
    job_id: Job = None,
    *,
    last: Last = False,
    tree: Annotated[bool, typer.Option("--tree", help="The job and everything below it.")] = False,
) -> None:
    """Show a job: where it stands, why it waits, what it answered, and why it failed."""
    require_job(job_id, last=last)
    if tree:
        print_tree(out, out.call_gateway(lambda client: call_with_job_id(client, job_id, client.tree, last=last)))
    else:
        out.print_fields(out.call_gateway(lambda client: call_with_job_id(client, job_id, client.job, last=last)))


@command(app, "tree", gateway=True)
def tree_(out: Output, job_id: Job = None, *, last: Last = False) -> None:
    """Show a job and everything below it: each step with what it answered."""
    require_job(job_id, last=last)
    print_tree(out, out.call_gateway(lambda client: call_with_job_id(client, job_id, client.tree, last=last)))


def print_tree(out: Output, rows: list[Json]) -> None:
    """Print the rows of a tree, each step indented below its predecessor."""
    names = indented_names(rows)
    columns: dict[str, Column] = {
        "STEP": lambda row: names[id(row)],
        "PLUGIN": "plugin",
        "COMMAND": "command",
        "STATUS": "status",
        "JOB": "job_id",
        "RESULT": job_result,
    }
    out.print_rows(columns, order_by_tree(rows) if out.for_people else rows)


def order_by_tree(rows: list[Json]) -> list[Json]:
    """The rows in depth-first order: the branches of a row before its next sibling."""
    job_ids = {row["job_id"] for row in rows}
    children: dict[Any, list[Json]] = {}
    for row in rows:
        parent = row.get("parent_job_id")
        children.setdefault(parent if parent in job_ids else None, []).append(row)
    walked: list[Json] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        row = waiting.pop()
        walked.append(row)
        if row["job_id"] is not None:
            waiting.extend(reversed(children.get(row["job_id"], [])))
    return walked


def indented_names(rows: list[Json]) -> dict[int, str]:
    """The name of each row (by identity), indented below its predecessor."""
    depth: dict[str | None, int] = {}
    names = {}
    for row in order_by_tree(rows):
        level = depth.get(row.get("parent_job_id"), -1) + 1
        if row["job_id"] is not None:
            depth[row["job_id"]] = level
        names[id(row)] = "  " * level + str(row.get("step") or row.get("plugin"))
    return names


def job_result(row: Mapping[str, Any]) -> Any:
    """The result of a job, or the reason why there is none."""
    result = row.get("result")
    answer = result.get("result", result.get("error")) if isinstance(result, dict) else result
    return answer if answer is not None else row.get("last_error") or row.get("reason")
