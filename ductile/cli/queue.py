"""`ductile queue`: how much waits, and emptying it."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.codes import Exit, UsageError
from ductile.cli.command import command, noun
from ductile.cli.completing import PluginFilter, pipelines
from ductile.cli.output import Out, tell

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = noun("See how much waits, and empty the queue.")

Json = dict[str, Any]
Command = Annotated[str | None, typer.Option("--command", metavar="NAME", help="With --plugin: of this command alone.")]
PipelineFilter = Annotated[
    str | None,
    typer.Option("--pipeline", metavar="NAME", help="Steps of this pipeline's runs.", autocompletion=pipelines),
]
StateFilter = Annotated[
    str | None, typer.Option("--state", metavar="queued|held", help="Only what is queued, or only what is held.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@command(app, gateway=True)
def stats(out: Out) -> None:
    """Show what waits and runs, and how the last day went."""

    async def work(client: "Client") -> tuple[Json, Json]:
        return await client.analytics_queue(), await client.analytics_summary()

    queue, summary = out.ask(work)
    out.fields({**queue, "last_day": summary}, document={"queue": queue, "summary": summary})


@command(app, gateway=True, changes=True)
def purge(
    out: Out,
    *,
    plugin: PluginFilter = None,
    command_: Command = None,
    pipeline: PipelineFilter = None,
    state: StateFilter = None,
    yes: Yes = False,
) -> None:
    """Cancel what waits: all of it, or what the options choose. Asks before it does; --dry-run counts."""
    chosen = {"plugin": plugin, "command": command_, "pipeline": pipeline, "state": state}
    if not (out.dry_run or yes):
        confirm(out, lambda: out.ask(lambda client: client.purge(**chosen, dry_run=True)))
    out.fields(out.ask(lambda client: client.purge(**chosen, dry_run=out.dry_run)))


def confirm(out: Out, count: Callable[[], Json]) -> None:
    """Ask on the terminal. Raises UsageError where there is none, Exit (1) where the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError(
            reason="this cancels jobs, and there is no terminal to ask on; say --yes, or --dry-run to count"
        )
    number = count()["purged"]
    tell(f"This cancels {number} {'job' if number == 1 else 'jobs'}.")
    if not typer.confirm("Go on?", err=True):
        out.tell("Nothing was cancelled.")
        raise typer.Exit(Exit.FAILED)
