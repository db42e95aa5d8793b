"""`plugins.<name>.schedules`: which command runs at which interval."""

from collections.abc import Mapping

from ductile.config.instances import QUARANTINED, Instances, manifest_of, path_of_pointer
from ductile.config.schema.plugins import PluginEntry, ScheduleEntry
from ductile.config.schema.units import SECOND
from ductile.document.locations import Marks
from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.validation import problem_at
from ductile.model.snapshot import Plugin, Schedule


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
                problems.append(problem_at("duplicate", message, at, marks))
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
        problems.append(problem_at("bad_value", "`every` must be at least `1s`", (*at, "every"), marks))
    elif written.jitter >= written.every:
        problems.append(problem_at("bad_value", "`jitter` must be shorter than `every`", (*at, "jitter"), marks))
    manifest = manifest_of(name, instances)
    if manifest and written.command not in manifest.commands:
        message = f"`{name}` has no command `{written.command}`{did_you_mean(written.command, manifest.commands)}"
        problems.append(problem_at("unknown_command", message, (*at, "command"), marks))
    plugin = instances.plugins.get(name)
    return [*problems, *(_bad_payload(plugin, written, at, marks) if plugin else ())]


def _bad_payload(plugin: Plugin, written: ScheduleEntry, at: Path, marks: Marks) -> list[Problem]:
    validator = plugin.validators.get(written.command)
    faults = validator(written.payload) if validator else ()
    problems = []
    for fault in faults:
        message = f"`payload` breaks the input schema of `{plugin.name}.{written.command}`: {fault.message}"
        path = (*at, "payload", *path_of_pointer(fault.path, written.payload))
        problems.append(problem_at("bad_value", message, path, marks))
    return problems
