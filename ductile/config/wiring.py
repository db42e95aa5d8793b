"""Routes and schedules: which command runs on what."""

from collections.abc import Mapping, Sequence

from ductile.config.instances import QUARANTINED, Instances, pointed
from ductile.config.schema import SECOND, PluginEntry, RouteEntry, ScheduleEntry
from ductile.config.sentences import located
from ductile.document.marks import Marks
from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.plan_starts import DEFAULT_COMMAND
from ductile.model.event import API
from ductile.model.manifest import Manifest
from ductile.model.snapshot import EventRoute, Plugin, Schedule

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
            problems.append(located("duplicate", message, at, marks))
        routes[route.source, route.event_type] = (*there, route)
        problems += _dangling(entry, instances, at, marks)
    return routes, problems


def _dangling(entry: RouteEntry, instances: Instances, at: Path, marks: Marks) -> list[Problem]:
    names = instances.plugins.keys() | instances.unusable.keys()
    problems = []
    for key, name in (("from", entry.source), ("to", entry.to)):
        if name not in names and (key, name) != ("from", API):
            message = f"`{key}` names no plugin: `{name}`{did_you_mean(name, names)}"
            problems.append(located("unknown_plugin", message, (*at, key), marks))
    manifest = _manifest(entry.to, instances)
    if manifest and DEFAULT_COMMAND not in manifest.commands:
        message = f"`{entry.to}` has no command `handle`, so no event can go to it"
        problems.append(located("unknown_command", message, (*at, "to"), marks))
    return problems


def _manifest(name: str, instances: Instances) -> Manifest | None:
    known = instances.plugins.get(name) or instances.unusable.get(name)
    return known.manifest if known else None


def compile_schedules(
    entries: Mapping[str, PluginEntry], instances: Instances, marks: Marks
) -> tuple[tuple[Schedule, ...], list[Problem]]:
    """The schedules of all plugins that can run or, since a quarantine ends, are quarantined."""
    schedules: list[Schedule] = []
    problems: list[Problem] = []
    for name, entry in entries.items():
        seen: dict[str, Path] = {}
        for index, written in enumerate(entry.schedules):
            if written is None:
                continue
            at: Path = ("plugins", name, "schedules", index)
            problems += _misfit(name, written, instances, at, marks)
            if written.id in seen:
                first = marks.of(seen[written.id])
                message = f"`{name}` has a schedule `{written.id}` already, at {first}; give this one another `id`"
                problems.append(located("duplicate", message, at, marks))
            seen.setdefault(written.id, at)
            if name in instances.plugins or instances.unusable[name].kind == QUARANTINED:
                schedules.append(_schedule(name, written))
    return tuple(schedules), problems


def _schedule(name: str, written: ScheduleEntry) -> Schedule:
    return Schedule(
        id=f"{name}/{written.id}",
        plugin=name,
        command=written.command,
        payload=written.payload,
        every=written.every,
        jitter=written.jitter,
    )


def _misfit(name: str, written: ScheduleEntry, instances: Instances, at: Path, marks: Marks) -> list[Problem]:
    """What is wrong with one schedule, or with the command it names."""
    problems = []
    if written.every < SECOND:
        problems.append(located("bad_value", "`every` must be at least `1s`", (*at, "every"), marks))
    elif written.jitter >= written.every:
        problems.append(located("bad_value", "`jitter` must be shorter than `every`", (*at, "jitter"), marks))
    manifest = _manifest(name, instances)
    if manifest and written.command not in manifest.commands:
        message = f"`{name}` has no command `{written.command}`{did_you_mean(written.command, manifest.commands)}"
        problems.append(located("unknown_command", message, (*at, "command"), marks))
    plugin = instances.plugins.get(name)
    return [*problems, *(_bad_payload(plugin, written, at, marks) if plugin else ())]


def _bad_payload(plugin: Plugin, written: ScheduleEntry, at: Path, marks: Marks) -> list[Problem]:
    validator = plugin.validators.get(written.command)
    faults = validator(written.payload) if validator else ()
    problems = []
    for fault in faults:
        message = f"`payload` breaks the input schema of `{plugin.name}.{written.command}`: {fault.message}"
        path = (*at, "payload", *pointed(fault.path, written.payload))
        problems.append(located("bad_value", message, path, marks))
    return problems
