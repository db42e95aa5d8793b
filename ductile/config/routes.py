"""`routes:`: which events of a plugin go to the `handle` of another."""

from collections.abc import Sequence

from ductile.config.instances import Instances, manifest_of
from ductile.config.schema.plugins import RouteEntry
from ductile.document.locations import Marks
from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.validation import problem_at
from ductile.model.event import API_SOURCE
from ductile.model.names import DEFAULT_COMMAND
from ductile.model.snapshot import EventRoute

Routes = dict[tuple[str, str], tuple[EventRoute, ...]]


def compile_routes(
    entries: Sequence[RouteEntry | None], instances: Instances, marks: Marks
) -> tuple[Routes, list[Problem]]:
    """(source plugin, event type) → where it goes; an entry that is None was wrong in itself."""
    routes: Routes = {}
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        if entry is None:
            continue
        at: Path = ("routes", index)
        route = EventRoute(source=entry.source, event_type=entry.event_type, to=entry.to)
        there = routes.get((route.source, route.event_type), ())
        if route in there:
            message = f"events `{route.event_type}` of `{route.source}` go to `{route.to}` already"
            problems.append(problem_at("duplicate", message, at, marks))
        routes[route.source, route.event_type] = (*there, route)
        problems += _dangling(entry, instances, at, marks)
    return routes, problems


def _dangling(entry: RouteEntry, instances: Instances, at: Path, marks: Marks) -> list[Problem]:
    names = instances.plugins.keys() | instances.unusable.keys()
    problems = []
    for key, name in (("from", entry.source), ("to", entry.to)):
        if name not in names and (key, name) != ("from", API_SOURCE):
            message = f"`{key}` names no plugin: `{name}`{did_you_mean(name, names)}"
            problems.append(problem_at("unknown_plugin", message, (*at, key), marks))
    manifest = manifest_of(entry.to, instances)
    if manifest and DEFAULT_COMMAND not in manifest.commands:
        message = f"`{entry.to}` has no command `handle`, so no event can go to it"
        problems.append(problem_at("unknown_command", message, (*at, "to"), marks))
    return problems
