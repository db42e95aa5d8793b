"""Arguments that the shell completes: names that the gateway knows, or else the configuration. Errors are not told."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ductile.model.job import ENDED_STATES, State

if TYPE_CHECKING:  # aiohttp and the compiler take longer to import than `--help` to run
    from ductile.client import Client
    from ductile.model.snapshot import Snapshot

Item = tuple[str, str]
"""A name and what it is."""

PATIENCE: Final = 1.0
"""Seconds that a gateway has to answer, before the shell goes on without it."""
SHOWN: Final = 50
"""Jobs that are offered, the newest first."""


def ask(
    options: Mapping[str, Any],
    work: "Callable[[Client], Awaitable[list[Item]]]",
    look: "Callable[[Snapshot], list[Item]]" = lambda _: [],
) -> list[Item]:
    """The gateway's answer, or the configuration's; nothing where neither has one."""
    return quietly(options, work, look) or []


def quietly(
    options: Mapping[str, Any], work: "Callable[[Client], Awaitable[Any]]", look: "Callable[[Snapshot], Any]"
) -> Any:
    """What the gateway answers soon, or the configuration says; None where neither does."""
    from ductile.cli import lookup  # noqa: PLC0415 - as above
    from ductile.errors import DuctileError  # noqa: PLC0415 - as above

    try:
        return lookup.seen(options, work, look, lambda _: None, limit=PATIENCE)
    except (DuctileError, OSError, LookupError, TypeError, ValueError):  # an error at the prompt helps nobody
        return None


def plugin_document(options: Mapping[str, Any], name: str) -> Any:
    """A plugin with its commands, or None."""
    from ductile.cli import lookup  # noqa: PLC0415 - as above

    return quietly(options, lambda client: client.plugin(name), lambda snapshot: lookup.described(snapshot, name))


def plugins(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The plugins that can run."""
    del incomplete
    return ask_plugins(ctx.params)


def ask_plugins(options: Mapping[str, Any]) -> list[Item]:
    """The plugins that can run."""

    async def work(client: "Client") -> list[Item]:
        return [(one["name"], one.get("description") or "") for one in await client.plugins()]

    return ask(options, work, lambda found: [(name, one.manifest.description) for name, one in found.plugins.items()])


def plugin_commands(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The commands of the plugin that is named already."""
    del incomplete
    return commands_of(ctx.params, str(ctx.params.get("plugin") or ""))


def commands_of(options: Mapping[str, Any], plugin: str) -> list[Item]:
    """The commands of a plugin."""

    async def work(client: "Client") -> list[Item]:
        skills = [one for one in await client.skills() if one.get("plugin") == plugin]
        return [(one["command"], one.get("description") or "") for one in skills]

    def look(found: "Snapshot") -> list[Item]:
        return [(name, one.description) for name, one in found.plugins[plugin].manifest.commands.items()]

    return ask(options, work, look)


def pipelines(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The pipelines."""
    del incomplete

    async def work(client: "Client") -> list[Item]:
        return [(one["pipeline"], f"on {one['trigger']}") for one in await client.pipelines()]

    return ask(ctx.params, work, lambda found: [(name, "") for name in found.pipelines])


def jobs(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The newest jobs."""
    del incomplete
    return jobs_in(ctx.params, lambda _: True)


def open_jobs(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The newest jobs that have not ended."""
    del incomplete
    return jobs_in(ctx.params, lambda status: status not in ENDED_STATES)


def ended_jobs(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The newest jobs that have ended."""
    del incomplete
    return jobs_in(ctx.params, lambda status: status in ENDED_STATES)


def jobs_in(options: Mapping[str, Any], wanted: Callable[[str], bool]) -> list[Item]:
    """Jobs whose status is wanted, with what they run."""

    async def work(client: "Client") -> list[Item]:
        rows = (await client.jobs(limit=SHOWN))["jobs"]
        return [
            (one["job_id"], f"{one['plugin']}.{one['command']} {one['status']}")
            for one in rows
            if wanted(one["status"])
        ]

    return ask(options, work)


def statuses(incomplete: str) -> list[str]:
    """The states of jobs."""
    return [state.value for state in State if state.startswith(incomplete)]


def languages(incomplete: str) -> list[str]:
    """The languages that a new plugin may be written in."""
    from ductile.kit.template import Language  # noqa: PLC0415 - as above

    return [language.value for language in Language if language.startswith(incomplete)]


def settings(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The paths of settings and sections that begin so, one part further than what stands there."""
    import os  # noqa: PLC0415 - as above

    from ductile.config.load import load_layers  # noqa: PLC0415 - as above
    from ductile.config.location import find_config  # noqa: PLC0415 - as above
    from ductile.config.masked_settings import MaskedSettings  # noqa: PLC0415 - as above
    from ductile.config.setting_path import format_path  # noqa: PLC0415 - as above
    from ductile.errors import DuctileError  # noqa: PLC0415 - as above

    try:
        found = MaskedSettings(load_layers(find_config(ctx.params.get("config"), os.environ), os.environ)).settings
    except (DuctileError, OSError, ValueError):  # an error at the prompt helps nobody
        return []
    named = {format_path(one.path[:size]): one for one in found for size in range(1, len(one.path) + 1)}
    return [
        (name, one.source if format_path(one.path) == name else "a section")
        for name, one in named.items()
        if name.startswith(incomplete) and not {".", "["} & set(name[len(incomplete) + 1 :])
    ]


def methods(incomplete: str) -> list[str]:
    """The methods of HTTP that the gateway answers."""
    return [one for one in ("GET", "POST", "HEAD", "OPTIONS") if one.startswith(incomplete.upper())]


def api_paths(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The paths of the API that have this method."""
    del incomplete
    method = str(ctx.params.get("method") or "GET").lower()

    async def work(client: "Client") -> list[Item]:
        paths = (await client.openapi())["paths"]
        return [(path, one[method].get("summary") or "") for path, one in paths.items() if method in one]

    return ask(ctx.params, work)


Plugin = Annotated[str, typer.Argument(metavar="PLUGIN", autocompletion=plugins)]
PluginCommand = Annotated[str, typer.Argument(metavar="COMMAND", autocompletion=plugin_commands)]
Pipeline = Annotated[str, typer.Argument(metavar="PIPELINE", autocompletion=pipelines)]
Job = Annotated[str | None, typer.Argument(metavar="ID", autocompletion=jobs, show_default=False)]
"""An id, or how the only id begins that does; none with --last."""
OpenJobs = Annotated[list[str] | None, typer.Argument(metavar="ID…", autocompletion=open_jobs, show_default=False)]
EndedJobs = Annotated[list[str] | None, typer.Argument(metavar="ID…", autocompletion=ended_jobs, show_default=False)]
PluginFilter = Annotated[
    str | None, typer.Option("--plugin", metavar="NAME", help="Of this plugin alone.", autocompletion=plugins)
]
CommandFilter = Annotated[
    str | None,
    typer.Option("--command", metavar="NAME", help="Of this command alone.", autocompletion=plugin_commands),
]
