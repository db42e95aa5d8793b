"""Plugin instances: what was discovered and what the configuration says of it, together."""

from collections.abc import Callable, Mapping
from pathlib import Path as Folder
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from ductile.config.bundled_plugins import IDLE_REASON, idle_plugins, is_absent_program
from ductile.config.runner_choice import choose_runner
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.plugins import PluginEntry
from ductile.config.schema.service import ServiceSection
from ductile.config.secret_arguments import secret_arguments
from ductile.document.locations import Marks
from ductile.document.problem import Mark, Path, Problem, did_you_mean
from ductile.document.read import read_document
from ductile.document.validation import problem_at
from ductile.flow.plan_starts import DEFAULT_MAX_ATTEMPTS
from ductile.model.clock import Millis
from ductile.model.manifest import Manifest
from ductile.model.names import NAME_PATTERN, RESERVED_NAMES
from ductile.model.output import OutputRules
from ductile.model.snapshot import Plugin, UnusablePlugin, Validator
from ductile.model.workers import WorkerRules
from ductile.plugin.discovery import MANIFEST_FILE
from ductile.plugin.json_schema import compile_validator
from ductile.plugin.loader import COMMAND_TIMEOUTS_MILLISECONDS, DEFAULT_TIMEOUT_MILLISECONDS, LoadedPlugin

DISABLED = "disabled"
QUARANTINED = "quarantined"


class Instances(Struct, frozen=True, kw_only=True):
    """Every plugin name of the configuration, usable or not."""

    plugins: dict[str, Plugin] = field(default_factory=dict)
    unusable: dict[str, UnusablePlugin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _Shelf(Struct, frozen=True, kw_only=True):
    """What instances are made from."""

    loaded: Mapping[str, LoadedPlugin]
    entries: Mapping[str, PluginEntry]
    marks: Marks
    service: ServiceSection
    redacted: Callable[[Problem], Problem]
    """Takes the secrets out of a problem's text."""
    secrets: frozenset[str]
    validators: dict[str, dict[str, Validator]] = field(default_factory=dict)
    """Discovered name → its commands' checks, shared by all instances of it."""
    idle: frozenset[str] = frozenset()
    """Bundled plugins that nothing in the configuration names."""


def compile_instances(
    configuration: Configuration,
    loaded: Mapping[str, LoadedPlugin],
    marks: Marks,
    redacted: Callable[[Problem], Problem] = lambda problem: problem,
    secrets: frozenset[str] = frozenset(),
) -> Instances:
    """All discovered plugins and all aliases. What cannot run stands in `unusable` with its reason, `redacted`."""
    entries = configuration.plugins
    shelf = _Shelf(
        loaded=loaded,
        entries=entries,
        marks=marks,
        service=configuration.service,
        redacted=redacted,
        secrets=secrets,
        idle=idle_plugins(configuration, loaded),
    )
    instances = Instances()
    unlisted = PluginEntry()
    for name in (*entries, *(name for name in loaded if name not in entries)):
        entry = entries.get(name, unlisted)
        wrong = _misnamed(name, entry, shelf)
        base = loaded.get(entry.uses or name)
        if wrong or base is None:
            instances.problems.extend(wrong)
            instances.unusable[name] = UnusablePlugin(name=name, kind=QUARANTINED, reason="its configuration is wrong")
            continue
        instances.problems.extend(_checked(name, entry, base.manifest, shelf))
        made = _instance(name, entry, base, shelf, instances.problems)
        if isinstance(made, Plugin):
            instances.plugins[name] = made
        else:
            instances.unusable[name] = replace(made, config=entry.config)
    return instances


def quarantined(name: str, problem: Problem, service: ServiceSection) -> Problem:
    """An error of a plugin as one of the configuration: a warning, for it harms nothing else, unless that is asked."""
    severity = "error" if service.strict_mode else "warning"
    return replace(problem, message=f"plugin `{name}` is quarantined: {problem.message}", severity=severity)


def _misnamed(name: str, entry: PluginEntry, shelf: _Shelf) -> list[Problem]:
    """What is wrong with the name itself, or with the plugin it uses."""
    at: Path = ("plugins", name)
    if entry.uses is None:
        if name in shelf.loaded:
            return []
        message = f"no plugin named `{name}` was found below `plugin_roots`{did_you_mean(name, shelf.loaded)}"
        return [Problem(code="unknown_plugin", message=message, path=at, mark=shelf.marks.key(at))]
    if not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
        why = "is reserved" if name in RESERVED_NAMES else "is no name: use a-z, 0-9, `_` and `-`"
        return [Problem(code="bad_value", message=f"`{name}` {why}", path=at, mark=shelf.marks.key(at))]
    if entry.uses in shelf.loaded:
        if name not in shelf.loaded or name == entry.uses:
            return []
        message = f"`{name}` is a plugin itself; give the instance of `{entry.uses}` another name"
        return [Problem(code="duplicate", message=message, path=at, mark=shelf.marks.key(at))]
    other = shelf.entries.get(entry.uses)
    if other is not None and other.uses is not None:
        hint = f", which is an instance itself; name its plugin, `{other.uses}`"
    else:
        hint = f", but no such plugin was found below `plugin_roots`{did_you_mean(entry.uses, shelf.loaded)}"
    return [problem_at("unknown_plugin", f"`{name}` uses `{entry.uses}`{hint}", (*at, "uses"), shelf.marks)]


def _checked(name: str, entry: PluginEntry, manifest: Manifest | None, shelf: _Shelf) -> list[Problem]:
    """Errors of an entry that no quarantine excuses."""
    at: Path = ("plugins", name)
    problems = []
    if entry.parallelism is not None and entry.parallelism > shelf.service.max_workers:
        message = (
            f"`parallelism` must be at most `service.max_workers`, {shelf.service.max_workers}, not {entry.parallelism}"
        )
        problems.append(problem_at("bad_value", message, (*at, "parallelism"), shelf.marks))
    if entry.max_attempts is not None and entry.retry.max_attempts is not None:
        message = "`max_attempts` is the short form of `retry.max_attempts`; give one of them"
        problems.append(problem_at("duplicate", message, (*at, "max_attempts"), shelf.marks))
    return [*problems, *_idle_timeouts(name, entry, manifest, shelf.marks)]


def _idle_timeouts(name: str, entry: PluginEntry, manifest: Manifest | None, marks: Marks) -> list[Problem]:
    """Timeouts of commands that are not there: a usual command's does no harm, another one is a mistake."""
    problems = []
    for command in entry.timeouts if manifest else ():
        if manifest and command not in manifest.commands:
            usual = command in COMMAND_TIMEOUTS_MILLISECONDS
            hint = ", so this timeout is left out" if usual else did_you_mean(command, manifest.commands)
            path: Path = ("plugins", name, "timeouts", command)
            problems.append(
                Problem(
                    code="unknown_command",
                    message=f"`{name}` has no command `{command}`{hint}",
                    path=path,
                    mark=marks.key(path),
                    severity="warning" if usual else "error",
                )
            )
    return problems


def _instance(
    name: str, entry: PluginEntry, base: LoadedPlugin, shelf: _Shelf, problems: list[Problem]
) -> Plugin | UnusablePlugin:
    manifest = base.manifest
    if not entry.enabled:
        reason = "it is disabled by `enabled: false`"
        return UnusablePlugin(name=name, kind=DISABLED, reason=reason, manifest=manifest)
    faults = [shelf.redacted(problem) for problem in base.problems if problem.severity == "error"]
    if manifest is None or base.executable is None or faults:
        reason = "; ".join(str(problem) for problem in faults) or "it could not be loaded"
        idle = name in shelf.idle and all(map(is_absent_program, faults))
        return UnusablePlugin(name=name, kind=DISABLED if idle else QUARANTINED, reason=reason, manifest=manifest)
    found = _broken_config(name, entry, manifest, base.folder, shelf)
    broken = [shelf.redacted(problem) for problem in found]
    if broken and name not in shelf.entries and any(entry.uses == name for entry in shelf.entries.values()):
        reason = "it has no entry of its own, only instances that use it"
        return UnusablePlugin(name=name, kind=DISABLED, reason=reason, manifest=manifest)
    reason = "; ".join(problem.message for problem in broken)
    if broken and name in shelf.idle:
        return UnusablePlugin(name=name, kind=DISABLED, reason=f"{IDLE_REASON}: {reason}", manifest=manifest)
    if broken:
        problems += [quarantined(name, problem, shelf.service) for problem in broken]
        return UnusablePlugin(name=name, kind=QUARANTINED, reason=reason, manifest=manifest)
    parallelism = entry.parallelism or (shelf.service.max_workers if manifest.concurrency_safe else 1)
    choice = choose_runner(entry.runner, manifest, base.executable)
    if choice.unmet:
        at = ("plugins", name, "runner")
        problems.append(
            problem_at(
                "runner", f"its runner is `{choice.runner}`: {choice.reason}", at, shelf.marks, severity="warning"
            )
        )
    return Plugin(
        name=name,
        manifest=manifest,
        folder=base.folder,
        executable=base.executable,
        config=entry.config,
        env=entry.env,
        inherit_env=tuple(entry.inherit_env),
        timeouts=_timeouts(entry, manifest),
        max_attempts=entry.retry.max_attempts or entry.max_attempts or DEFAULT_MAX_ATTEMPTS,
        backoff_base=entry.retry.backoff_base,
        parallelism=parallelism,
        notify_on_complete=entry.notify_on_complete,
        runner=choice.runner,
        runner_reason=choice.reason,
        workers=WorkerRules(
            max_workers=parallelism,
            max_jobs=entry.workers.max_jobs,
            max_age=entry.workers.max_age,
            max_rss=entry.workers.max_rss,
        ),
        output=OutputRules(**{**shelf.service.output.model_dump(), **entry.output.model_dump(exclude_none=True)}),
        validators=_validators(base, manifest, shelf),
    )


def _broken_config(name: str, entry: PluginEntry, manifest: Manifest, folder: Folder, shelf: _Shelf) -> list[Problem]:
    """How the `config` breaks what the manifest asks of it; each problem stands on the plugin's own lines."""
    at: Path = ("plugins", name, "config")
    problems = [
        Problem(code="missing", message=f"it needs `config.{key}`, which is missing", path=at)
        for key in manifest.required_config
        if entry.config.get(key) is None
    ]
    if manifest.config_schema is not None:
        for fault in compile_validator(manifest.config_schema)(entry.config):
            named = ".".join(("config", *_pointed(fault.path)))
            message = f"`{named}` breaks the plugin's schema: {fault.message}"
            problems.append(Problem(code="bad_value", message=message, path=(*at, *_pointed(fault.path))))
    problems += [
        replace(problem, path=(*at, *problem.path))
        for problem in secret_arguments(manifest, entry.config, shelf.secrets)
    ]
    return [replace(one, mark=_own_mark(one.path, folder, shelf.marks)) for one in problems]


def _own_mark(path: Path, folder: Folder, marks: Marks) -> Mark:
    """Where a value of a plugin's `config` stands, or its nearest parent.

    A plugin without an entry has no line in the configuration, so that it is where its manifest asks for the value.
    """
    if marks.knows(path[:2]):
        return marks.of(path)
    manifest = read_document(folder / MANIFEST_FILE, name=str(folder / MANIFEST_FILE)).marks
    wanted = "config_keys" if manifest.knows(("config_keys",)) else "config_schema"
    return manifest.key((wanted,))


def path_of_pointer(pointer: str, value: Any) -> Path:
    """A JSON Pointer into a value as a YAML path."""
    path: list[str | int] = []
    for part in _pointed(pointer):
        step: str | int = int(part) if isinstance(value, list) and part.isdigit() else part
        known = isinstance(value, Mapping) and step in value
        listed = isinstance(value, list) and isinstance(step, int) and step < len(value)
        value = value[step] if known or listed else None
        path.append(step)
    return tuple(path)


def _pointed(pointer: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _timeouts(entry: PluginEntry, manifest: Manifest) -> dict[str, Millis]:
    """The most particular one given: for the command here, for all commands here, by the manifest, by default."""
    return {
        name: entry.timeouts.get(name)
        or entry.timeout
        or command.timeout
        or COMMAND_TIMEOUTS_MILLISECONDS.get(name, DEFAULT_TIMEOUT_MILLISECONDS)
        for name, command in manifest.commands.items()
    }


def _validators(base: LoadedPlugin, manifest: Manifest, shelf: _Shelf) -> dict[str, Validator]:
    known = shelf.validators.get(base.name)
    if known is None:
        known = shelf.validators[base.name] = {
            name: compile_validator(command.input_schema)
            for name, command in manifest.commands.items()
            if command.input_schema is not None
        }
    return known


def manifest_of(name: str, instances: Instances) -> Manifest | None:
    """The manifest of a plugin, usable or not; None where there is none."""
    known = instances.plugins.get(name) or instances.unusable.get(name)
    return known.manifest if known else None
