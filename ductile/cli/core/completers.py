"""Completes arguments in the shell with names from the gateway, or else from the configuration. Errors stay silent."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ductile.model.job import ENDED_STATES, State

if TYPE_CHECKING:  # aiohttp and the compiler take longer to import than `--help` to run
    from ductile.client import Client
    from ductile.model.snapshot import Snapshot

Completion = tuple[str, str]
"""A name and its description."""

ANSWER_TIMEOUT_SECONDS: Final = 1.0
"""Seconds that the shell waits for a gateway."""
MAX_JOBS: Final = 50
"""Jobs that are offered, the newest first."""


def find_completions(
    options: Mapping[str, Any],
    work: "Callable[[Client], Awaitable[list[Completion]]]",
    read: "Callable[[Snapshot], list[Completion]]" = lambda _: [],
) -> list[Completion]:
    """Names from the gateway, or from the configuration; none where neither can be asked."""
    return ask_quietly(options, work, read) or []


def ask_quietly(
    options: Mapping[str, Any], work: "Callable[[Client], Awaitable[Any]]", read: "Callable[[Snapshot], Any]"
) -> Any:
    """The answer of a gateway that is quick, or of the configuration; None where neither can be asked."""
    from ductile.cli.core.gateway import plugin_lookup
    from ductile.errors import DuctileError

    try:
        return plugin_lookup.ask_gateway_or_config(options, work, read, lambda _: None, limit=ANSWER_TIMEOUT_SECONDS)
    except (DuctileError, OSError, LookupError, TypeError, ValueError):  # an error at the prompt helps nobody
        return None


def plugin_document(options: Mapping[str, Any], name: str) -> Any:
    """A plugin with its commands, or None."""
    from ductile.cli.core.gateway import plugin_lookup

    return ask_quietly(
        options, lambda client: client.plugin(name), lambda snapshot: plugin_lookup.plugin_from_config(snapshot, name)
    )


def complete_plugins(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The plugins that can run."""
    del incomplete
    return plugin_completions(ctx.params)


def plugin_completions(options: Mapping[str, Any]) -> list[Completion]:
    """The plugins that can run."""

    async def work(client: "Client") -> list[Completion]:
        return [(one["name"], one.get("description") or "") for one in await client.plugins()]

    return find_completions(
        options, work, lambda found: [(name, one.manifest.description) for name, one in found.plugins.items()]
    )


def complete_plugin_commands(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The commands of the plugin that the command line names."""
    del incomplete
    return command_completions(ctx.params, str(ctx.params.get("plugin") or ""))


def command_completions(options: Mapping[str, Any], plugin: str) -> list[Completion]:
    """The commands of a plugin."""

    async def work(client: "Client") -> list[Completion]:
        skills = [one for one in await client.skills() if one.get("plugin") == plugin]
        return [(one["command"], one.get("description") or "") for one in skills]

    def read(found: "Snapshot") -> list[Completion]:
        return [(name, one.description) for name, one in found.plugins[plugin].manifest.commands.items()]

    return find_completions(options, work, read)


def complete_pipelines(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The pipelines."""
    del incomplete

    async def work(client: "Client") -> list[Completion]:
        return [(one["pipeline"], f"on {one['trigger']}") for one in await client.pipelines()]

    return find_completions(ctx.params, work, lambda found: [(name, "") for name in found.pipelines])


def complete_jobs(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The newest jobs."""
    del incomplete
    return job_completions(ctx.params, lambda _: True)


def complete_open_jobs(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The newest jobs that have not ended."""
    del incomplete
    return job_completions(ctx.params, lambda status: status not in ENDED_STATES)


def complete_ended_jobs(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The newest jobs that have ended."""
    del incomplete
    return job_completions(ctx.params, lambda status: status in ENDED_STATES)


def job_completions(options: Mapping[str, Any], is_offered: Callable[[str], bool]) -> list[Completion]:
    """Jobs whose status `is_offered`, with their plugin, command and status."""

    async def work(client: "Client") -> list[Completion]:
        rows = (await client.jobs(limit=MAX_JOBS))["jobs"]
        return [
            (one["job_id"], f"{one['plugin']}.{one['command']} {one['status']}")
            for one in rows
            if is_offered(one["status"])
        ]

    return find_completions(options, work)


def complete_statuses(incomplete: str) -> list[str]:
    """The states of jobs."""
    return [state.value for state in State if state.startswith(incomplete)]


def complete_languages(incomplete: str) -> list[str]:
    """The languages that a new plugin may be written in."""
    from ductile.kit.template import Language

    return [language.value for language in Language if language.startswith(incomplete)]


def complete_settings(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The paths of settings and sections that begin with this text, up to their next part."""
    import os

    from ductile.cli.core.config_layers import read_layers
    from ductile.config.location import find_config
    from ductile.config.masked_settings import MaskedSettings
    from ductile.config.setting_path import format_path
    from ductile.errors import DuctileError

    try:
        found = MaskedSettings(read_layers(find_config(ctx.params.get("config"), os.environ))).settings
    except (DuctileError, OSError, ValueError):  # an error at the prompt helps nobody
        return []
    setting_by_path = {format_path(one.path[:size]): one for one in found for size in range(1, len(one.path) + 1)}
    return [
        (name, one.source if format_path(one.path) == name else "a section")
        for name, one in setting_by_path.items()
        if name.startswith(incomplete) and not {".", "["} & set(name[len(incomplete) + 1 :])
    ]


def complete_methods(incomplete: str) -> list[str]:
    """The methods of HTTP that the gateway answers."""
    return [one for one in ("GET", "POST", "HEAD", "OPTIONS") if one.startswith(incomplete.upper())]


def complete_api_paths(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """The paths of the API that have this method."""
    del incomplete
    method = str(ctx.params.get("method") or "GET").lower()

    async def work(client: "Client") -> list[Completion]:
        paths = (await client.openapi())["paths"]
        return [(path, one[method].get("summary") or "") for path, one in paths.items() if method in one]

    return find_completions(ctx.params, work)


Plugin = Annotated[str, typer.Argument(metavar="PLUGIN", autocompletion=complete_plugins)]
PluginCommand = Annotated[str, typer.Argument(metavar="COMMAND", autocompletion=complete_plugin_commands)]
Pipeline = Annotated[str, typer.Argument(metavar="PIPELINE", autocompletion=complete_pipelines)]
Job = Annotated[str | None, typer.Argument(metavar="ID", autocompletion=complete_jobs, show_default=False)]
"""An id or the beginning of exactly one id; none with --last."""
OpenJobs = Annotated[
    list[str] | None, typer.Argument(metavar="ID…", autocompletion=complete_open_jobs, show_default=False)
]
EndedJobs = Annotated[
    list[str] | None, typer.Argument(metavar="ID…", autocompletion=complete_ended_jobs, show_default=False)
]
PluginFilter = Annotated[
    str | None, typer.Option("--plugin", metavar="NAME", help="Of this plugin alone.", autocompletion=complete_plugins)
]
CommandFilter = Annotated[
    str | None,
    typer.Option("--command", metavar="NAME", help="Of this command alone.", autocompletion=complete_plugin_commands),
]
