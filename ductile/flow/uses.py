"""What the steps of a pipeline name in plugins."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.dsl import PipelineModel
from ductile.model.event import API

Commands = Mapping[str, Collection[str] | None]
"""Plugin instance → its command names; None where they cannot be known, because it is quarantined."""

HANDLE: Final = "handle"
"""The command of a `uses` that names a plugin alone."""


def split_uses(uses: str) -> tuple[str, str]:
    """`plugin.command` as its two names; `plugin` is its `handle`."""
    plugin, dot, command = uses.partition(".")
    return plugin, command if dot else HANDLE


def check_uses(model: PipelineModel, commands: Commands) -> Iterator[Problem]:
    """The plugins and commands that the pipeline names and that do not exist."""
    for step, at in model.every_step():
        if step.uses is not None and not _exists(step.uses, commands):
            yield from _uses_faults(step.uses, commands, (*at, "uses"))
    if model.from_plugin not in (None, API) and model.from_plugin not in commands:
        hint = did_you_mean(model.from_plugin, commands)
        message = f"there is no plugin `{model.from_plugin}`, so nothing starts this pipeline{hint}"
        yield Problem(code="unknown_plugin", message=message, path=(*model.place, "from_plugin"), severity="warning")


def _exists(uses: str, commands: Commands) -> bool:
    """Whether it surely names a command: most do, and of those nothing is to be said."""
    plugin, command = split_uses(uses)
    return command in (commands.get(plugin) or ())


def _uses_faults(uses: str, commands: Commands, at: Path) -> Iterator[Problem]:
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
            hint = did_you_mean(command, known) or f"; it has {_listed(known)}"
            message = f"plugin `{plugin}` has no command `{command}`{hint}"
            yield Problem(code="unknown_command", message=message, path=at)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
