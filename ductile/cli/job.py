"""`ductile job`: look at what was run."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ductile.cli.command import command, noun
from ductile.cli.output import Column, Out

app = noun("Look at what was run.")


@command(app, gateway=True)
def inspect(
    out: Out,
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    tree: Annotated[bool, typer.Option("--tree", help="The job and everything below it.")] = False,
) -> None:
    """Show a job: where it stands, what it answered, and why it failed."""
    if not tree:
        out.fields(out.ask(lambda client: client.job(job_id)))
        return
    rows = out.ask(lambda client: client.tree(job_id))
    steps = indented(rows)
    columns: dict[str, Column] = {
        "STEP": lambda row: steps[id(row)],
        "PLUGIN": "plugin",
        "COMMAND": "command",
        "STATUS": "status",
        "JOB": "job_id",
        "RESULT": said,
    }
    out.rows(columns, rows)


def indented(rows: list[dict[str, Any]]) -> dict[int, str]:
    """The name of each row (by identity), indented below the one it followed."""
    depth: dict[str | None, int] = {}
    names = {}
    for row in rows:
        level = depth.get(row.get("parent_job_id"), -1) + 1
        depth[row.get("job_id")] = level
        names[id(row)] = "  " * level + str(row.get("step") or row.get("plugin"))
    return names


def said(row: Mapping[str, Any]) -> Any:
    """What a job answered."""
    result = row.get("result")
    return result.get("result", result.get("error")) if isinstance(result, dict) else result
