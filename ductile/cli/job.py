"""`ductile job`: look at what was run."""

from typing import Annotated, Any

import typer

from ductile.cli.ask import ask
from ductile.cli.options import Config, Json, Token, Url
from ductile.cli.output import plain, show_answer, show_json, show_table

app = typer.Typer(no_args_is_help=True, help="Look at what was run.")


@app.callback()
def noun() -> None:
    """Keeps `inspect` a subcommand: Typer makes an app's only command the app itself."""


@app.command()
def inspect(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    tree: Annotated[bool, typer.Option("--tree", help="The job and everything below it.")] = False,
    url: Url = None,
    token: Token = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show a job: where it stands, what it answered, and why it failed."""
    if not tree:
        show_answer(ask(lambda client: client.job(job_id), url, token, config), as_json=json)
        return
    rows = ask(lambda client: client.tree(job_id), url, token, config)
    if json:
        show_json(rows)
    else:
        show_table(("STEP", "PLUGIN", "COMMAND", "STATUS", "JOB", "RESULT"), list(indented(rows)))


def indented(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The tree's rows, each step indented below the one it followed."""
    depth: dict[str | None, int] = {}
    table = []
    for row in rows:
        level = depth.get(row.get("parent_job_id"), -1) + 1
        depth[row.get("job_id")] = level
        cells = (row.get("step") or row.get("plugin"), row.get("plugin"), row.get("command"), row.get("status"))
        result = row.get("result")
        shown = plain(result.get("result", result.get("error")) if isinstance(result, dict) else result)
        table.append(
            (
                "  " * level + str(cells[0]),
                *(str(cell or "") for cell in cells[1:]),
                str(row.get("job_id") or ""),
                shown,
            )
        )
    return table
