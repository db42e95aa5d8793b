"""What a configuration does with the plugins that ship with Ductile, where it has `plugin_roots: [bundled]`."""

from collections.abc import Iterator, Mapping
from typing import Any

from ductile.config.load import Layers
from ductile.config.location import named_path
from ductile.config.schema.configuration import Configuration
from ductile.document.problem import Problem
from ductile.document.validation import problem_at
from ductile.plugin.bundled import BUNDLED_ROOT, is_bundled
from ductile.plugin.loader import LoadedPlugin
from ductile.plugin.trust import MissingProgram

IDLE_REASON = "it ships with Ductile, and no entry in `plugins:` sets it up"


def idle_plugins(configuration: Configuration, loaded: Mapping[str, LoadedPlugin]) -> frozenset[str]:
    """Names of bundled plugins that nothing in the configuration names: what they lack is no fault of it."""
    entries = configuration.plugins
    named = {*entries, *(entry.uses for entry in entries.values())}
    named |= {plugin for route in configuration.routes if route for plugin in (route.source, route.to)}
    named |= set(_step_plugins(configuration.pipelines))
    return frozenset(name for name, plugin in loaded.items() if name not in named and is_bundled(plugin.folder))


def is_absent_program(problem: Problem) -> bool:
    """Whether a plugin lacks an interpreter, and nothing else is wrong with it there."""
    return problem.code == MissingProgram.code


def _step_plugins(part: Any) -> Iterator[str]:
    """The plugins that steps use, wherever they stand in the pipelines."""
    if isinstance(part, Mapping):
        uses = part.get("uses")
        if isinstance(uses, str):
            yield uses.partition(".")[0]
        for member in part.values():
            yield from _step_plugins(member)
    elif isinstance(part, list):
        for member in part:
            yield from _step_plugins(member)


def shadowed_folders(configuration: Configuration, layers: Layers) -> list[Problem]:
    """A warning for each `bundled` that stands beside a folder of that name, which it does not mean."""
    problems = []
    for index, root in enumerate(configuration.plugin_roots):
        at = ("plugin_roots", index)
        mark = layers.marks.of(at)
        folder = layers.root if mark.line == 0 else (layers.root / mark.file).parent
        if root == BUNDLED_ROOT and named_path(BUNDLED_ROOT, folder).is_dir():
            message = (
                f"`{BUNDLED_ROOT}` names the plugins that ship with Ductile, not the folder {folder / BUNDLED_ROOT}; "
                f"write `./{BUNDLED_ROOT}` for the folder"
            )
            problems.append(problem_at("bundled_folder", message, at, layers.marks, severity="warning"))
    return problems
