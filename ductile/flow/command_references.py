"""References from a pipeline to plugins and their commands."""

from collections.abc import Collection, Iterator, Mapping

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.dsl import PipelineModel
from ductile.model.event import API_SOURCE
from ductile.model.names import DEFAULT_COMMAND

PluginCommands = Mapping[str, Collection[str] | None]
"""Plugin instance → its command names; None for a quarantined plugin, whose commands are unknown."""


def split_uses(uses: str) -> tuple[str, str]:
    """Split `plugin.command` into its two names; `plugin` alone names the command `handle`."""
    plugin, dot, command = uses.partition(".")
    return plugin, command if dot else DEFAULT_COMMAND


def check_uses(model: PipelineModel, commands: PluginCommands) -> Iterator[Problem]:
    """A problem for each plugin or command that the pipeline names and that does not exist."""
    for step, at in model.walk_steps():
        if step.uses is not None and not _command_exists(step.uses, commands):
            yield from _uses_faults(step.uses, commands, (*at, "uses"))
    if model.from_plugin not in (None, API_SOURCE) and model.from_plugin not in commands:
        hint = did_you_mean(model.from_plugin, commands)
        message = f"there is no plugin `{model.from_plugin}`, so nothing starts this pipeline{hint}"
        yield Problem(code="unknown_plugin", message=message, path=(*model.path, "from_plugin"), severity="warning")


def _command_exists(uses: str, commands: PluginCommands) -> bool:
    """Whether `uses` names a known command."""
    plugin, command = split_uses(uses)
    return command in (commands.get(plugin) or ())


def _uses_faults(uses: str, commands: PluginCommands, at: Path) -> Iterator[Problem]:
    plugin, command = split_uses(uses)
    if not plugin or not command or "." in command:
        message = f"`{uses}` names no step: write `plugin`, or `plugin.command`"
        yield Problem(code="bad_value", message=message, path=at)
    elif plugin not in commands:
        message = f"there is no plugin `{plugin}`{did_you_mean(plugin, commands)}"
        yield Problem(code="unknown_plugin", message=message, path=at)
    else:
        known = commands[plugin]
        if known is not None and command not in known:
            hint = did_you_mean(command, known) or f"; it has {_quoted_names(known)}"
            message = f"plugin `{plugin}` has no command `{command}`{hint}"
            yield Problem(code="unknown_command", message=message, path=at)


def _quoted_names(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
