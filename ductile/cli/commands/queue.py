"""`ductile queue`: how much waits, and emptying it."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import PluginFilter, complete_pipelines
from ductile.cli.core.errors import UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.output import Output, tell

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = new_group("See how much waits, and empty the queue.")

Json = dict[str, Any]
Command = Annotated[str | None, typer.Option("--command", metavar="NAME", help="With --plugin: of this command alone.")]
PipelineFilter = Annotated[
    str | None,
    typer.Option(
        "--pipeline", metavar="NAME", help="Steps of this pipeline's runs.", autocompletion=complete_pipelines
    ),
]
StateFilter = Annotated[
    str | None, typer.Option("--state", metavar="queued|held", help="Only what is queued, or only what is held.")
]
WAITING_STATES = ("queued", "running", "held")
END_STATES = ("succeeded", "failed", "timed_out", "dead", "cancelled")
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@command(app, gateway=True)
def stats(out: Output) -> None:
    """Show what waits and runs, and how the last day went: in all, and of each plugin."""

    async def work(client: "Client") -> tuple[Json, Json]:
        return await client.analytics_queue(), await client.analytics_summary()

    queue, summary = out.call_gateway(work)
    if not out.for_people:
        out.print_fields({}, document={"queue": queue, "summary": summary})
        return
    out.print_fields(total_fields(queue, summary))
    rows = plugin_rows(queue, summary)
    if rows:
        out.print_lines([""])
        columns = {name.upper(): name for name in ("plugin", *WAITING_STATES, *END_STATES)}
        out.print_rows({**columns, "SUCCESS": lambda row: format_percent(row.get("success_rate"))}, rows)


def total_fields(queue: Json, summary: Json) -> Json:
    """The totals of queue and last day, as fields for people."""
    workers, durations = queue.get("workers") or {}, summary.get("duration_ms") or {}
    oldest = queue.get("oldest_queued_seconds")
    return {
        "queued": queue.get("queue_depth"),
        "oldest": f"waits for {oldest:.1f} s" if oldest else None,
        "running": queue.get("running"),
        "held": queue.get("held"),
        "workers": f"{workers['busy']} of {workers['max']} are busy" if workers else None,
        "last day": f"{summary.get('total')} jobs, {format_percent(summary.get('success_rate')) or 'none'} succeeded",
        "durations": ", ".join(f"{name} {ms} ms" for name, ms in durations.items() if ms is not None) or None,
    }


def plugin_rows(queue: Json, summary: Json) -> list[Json]:
    """A row for each plugin: its waiting and running jobs, and the ends of the last day's jobs."""
    now, day = queue.get("by_plugin") or {}, summary.get("by_plugin") or {}
    return [
        {
            "plugin": plugin,
            **dict.fromkeys(WAITING_STATES, 0),
            **now.get(plugin, {}),
            **{end: (day.get(plugin, {}).get("stats") or {}).get(end, 0) for end in END_STATES},
            "success_rate": day.get(plugin, {}).get("success_rate"),
        }
        for plugin in sorted({*now, *day})
    ]


def format_percent(share: float | None) -> str | None:
    """`99.5 %`."""
    return None if share is None else f"{share * 100:.1f} %"


@command(app, gateway=True, changes=True)
def purge(
    out: Output,
    *,
    plugin: PluginFilter = None,
    command_: Command = None,
    pipeline: PipelineFilter = None,
    state: StateFilter = None,
    yes: Yes = False,
) -> None:
    """Cancel what waits: all of it, or what the options choose. Asks before it does; --dry-run counts."""
    selection = {"plugin": plugin, "command": command_, "pipeline": pipeline, "state": state}
    if not (out.dry_run or yes):
        confirm_purge(out, lambda: out.call_gateway(lambda client: client.purge(**selection, dry_run=True)))
    out.print_fields(out.call_gateway(lambda client: client.purge(**selection, dry_run=out.dry_run)))


def confirm_purge(out: Output, count: Callable[[], Json]) -> None:
    """Ask on the terminal. Raises UsageError where there is none, Exit (1) where the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError(
            reason="this cancels jobs, and there is no terminal to ask on; say --yes, or --dry-run to count"
        )
    number = count()["purged"]
    tell(f"This cancels {number} {'job' if number == 1 else 'jobs'}.")
    if not typer.confirm("Go on?", err=True):
        out.tell("Nothing was cancelled.")
        raise typer.Exit(ExitCode.FAILED)
