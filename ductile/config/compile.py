"""Configuration and manifests become a snapshot: the one path for `config check`, start and reload."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from ductile.config import fingerprint
from ductile.config.bundled_plugins import idle_plugins, is_absent_program, shadowed_folders
from ductile.config.compiled_sections import CompiledSections, compile_sections
from ductile.config.config_section import AnySection
from ductile.config.core_sections import compile_api, compile_service
from ductile.config.gc_tuning import gc_paused
from ductile.config.instances import Instances, compile_instances, quarantined
from ductile.config.load import NO_TEXTS, Layers, load_layers
from ductile.config.location import DEFAULT_STATE
from ductile.config.lockout import TOKENS
from ductile.config.problem_redaction import ProblemRedactor
from ductile.config.routes import Routes, compile_routes
from ductile.config.schedules import compile_schedules
from ductile.config.schema.configuration import Configuration
from ductile.config.secrets import collect_secrets
from ductile.config.section_context import SectionContext
from ductile.config.tokens import compile_principals
from ductile.config.validation import validate
from ductile.config.variable_values import convert_by_schemas, notes
from ductile.document.locations import Marks, start_of_file
from ductile.document.problem import Problem
from ductile.document.redactor import Redactor
from ductile.document.validation import problem_at, with_mark
from ductile.flow.compile import compile_pipelines
from ductile.flow.json_value import json_faults
from ductile.flow.parse import parse_pipelines
from ductile.model.config_inputs import ConfigInputs
from ductile.model.graph import Graph
from ductile.model.manifest import Manifest
from ductile.model.principal import ALL_SCOPES, Principal
from ductile.model.route import Surface, rows_of
from ductile.model.snapshot import Schedule, Snapshot
from ductile.plugin.bundled import root_folder, root_folders
from ductile.plugin.discovery import MANIFEST_FILE
from ductile.plugin.loader import LoadedPlugin, load_plugins


class Compiled(Struct, frozen=True, kw_only=True):
    """A snapshot, or None where there are errors; and all problems, in the order of files and lines."""

    snapshot: Snapshot | None
    problems: tuple[Problem, ...]
    inputs: ConfigInputs = field(default_factory=ConfigInputs)
    """Everything that was read for it."""
    notes: tuple[Problem, ...] = ()
    """What was made a number, true or false of what variables gave; nothing of it is wrong."""
    marks: Marks = field(default_factory=lambda: Marks(start_of_file("")))
    """Where each value was written."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep it from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


class _Parts(Struct, frozen=True, kw_only=True):
    """What the sections have become."""

    instances: Instances
    pipelines: Mapping[str, Graph]
    routes: Routes
    schedules: tuple[Schedule, ...]
    principals: Mapping[str, Principal]
    sections: CompiledSections


def compile_config(
    location: Path,
    environ: Mapping[str, str],
    *,
    generation: int,
    surfaces: Sequence[Surface] = (),
    sections: Sequence[AnySection] = (),
    texts: Mapping[Path, str] = NO_TEXTS,
) -> Compiled:
    """All of the configuration at `location` (the path of `config.yaml`) and the plugins below its roots.

    `surfaces` and `sections` are those of features. A file that is in `texts` counts as if that text had been written
    to it.
    """
    with gc_paused():
        layers = load_layers(location, environ, texts, sections=sections)
        return _compiled(layers, environ, generation=generation, surfaces=surfaces)


def _compiled(layers: Layers, environ: Mapping[str, str], *, generation: int, surfaces: Sequence[Surface]) -> Compiled:
    faults = [
        fault for key, member in layers.value.items() if key != "pipelines" for fault in json_faults(member, (key,))
    ]
    configuration, wrong = validate(layers)
    problems = [*layers.problems, *wrong, *(with_mark(fault, layers.marks) for fault in faults)]
    loaded, found = _discover(configuration, layers.marks)
    problems += found
    configuration = convert_by_schemas(configuration, loaded, layers.marks)
    redactor = Redactor(collect_secrets(layers, loaded, environ))
    redacted = ProblemRedactor(layers.value, redactor).redact
    unread = any(_hides_plugins(problem) for problem in problems)
    parts, found = _compile(configuration, loaded, layers, redacted, redactor.secrets)
    # With a file or a plugin root unread, so are the plugins it holds: that is one mistake.
    problems += [problem for problem in found if not (unread and problem.code == "unknown_plugin")]
    problems += _checked(configuration, layers.marks)
    problems += shadowed_folders(configuration, layers)
    if not any(problem.severity == "error" for problem in problems):
        problems += _absent(configuration, layers.marks)
    inputs = _inputs(layers, configuration, loaded.values())
    told = tuple(map(redacted, notes(configuration, layers.value, layers.marks)))
    ordered = _in_order(map(redacted, problems), layers.names)
    if any(problem.severity == "error" for problem in ordered):
        return Compiled(snapshot=None, problems=ordered, inputs=inputs, marks=layers.marks, notes=told)
    snapshot = _snapshot(configuration, parts, layers, ordered, inputs, redactor=redactor, generation=generation)
    snapshot = replace(snapshot, rows=rows_of(surfaces, snapshot))
    ambiguous = _ambiguous_prefix(snapshot, layers.marks)
    if ambiguous:
        return Compiled(snapshot=None, problems=(*ordered, *ambiguous), inputs=inputs, marks=layers.marks, notes=told)
    return Compiled(snapshot=snapshot, problems=ordered, inputs=inputs, marks=layers.marks, notes=told)


def _inputs(layers: Layers, configuration: Configuration, plugins: Iterable[LoadedPlugin]) -> ConfigInputs:
    files = dict.fromkeys(layers.files)
    for plugin in plugins:
        files[plugin.folder / MANIFEST_FILE] = None
        if plugin.manifest is not None:
            files[plugin.folder / plugin.manifest.entrypoint] = None
    return ConfigInputs(
        files=tuple(files),
        folders=tuple(dict.fromkeys(layers.folders)),
        roots=tuple(root_folders(configuration.plugin_roots)),
        allow_symlinks=configuration.service.allow_symlinks,
    )


def _discover(configuration: Configuration, marks: Marks) -> tuple[dict[str, LoadedPlugin], list[Problem]]:
    """Discovered name → plugin."""
    places: dict[Path, int] = {}
    for index, root in enumerate(configuration.plugin_roots):
        places.setdefault(root_folder(root), index)
    service = configuration.service
    plugins = load_plugins(list(places), allow_symlinks=service.allow_symlinks, trusted_owners=service.trusted_owners)
    numbers = list(places.values())
    problems = [with_mark(_renumbered(problem, numbers), marks) for problem in plugins.problems]
    wanted = {entry.uses or name for name, entry in configuration.plugins.items() if entry.enabled}
    found = {plugin.name: plugin for plugin in plugins.loaded}
    idle = idle_plugins(configuration, found)
    for plugin in plugins.loaded:
        if plugin.name in configuration.plugins and plugin.name not in wanted:
            continue  # disabled: nobody asks why it cannot run
        problems += [
            _of_plugin(plugin, problem, configuration)
            for problem in plugin.problems
            if plugin.name not in idle or not is_absent_program(problem)
        ]
    return found, problems


def _renumbered(problem: Problem, numbers: Sequence[int]) -> Problem:
    """A problem of one of the roots that were looked through, as one of the roots that were written."""
    if problem.path[:1] != ("plugin_roots",):
        return problem
    return replace(problem, path=("plugin_roots", numbers[int(problem.path[1])]))


def _of_plugin(plugin: LoadedPlugin, problem: Problem, configuration: Configuration) -> Problem:
    """A manifest's problem as one of the configuration: an error quarantines the plugin and harms nothing else."""
    return quarantined(plugin.name, problem, configuration.service) if problem.severity == "error" else problem


def _compile(
    configuration: Configuration,
    loaded: Mapping[str, LoadedPlugin],
    layers: Layers,
    redacted: Callable[[Problem], Problem],
    secrets: frozenset[str],
) -> tuple[_Parts, list[Problem]]:
    marks = layers.marks
    instances = compile_instances(configuration, loaded, marks, redacted, secrets)
    manifests: dict[str, Manifest | None] = {name: plugin.manifest for name, plugin in instances.plugins.items()}
    manifests |= {name: unusable.manifest for name, unusable in instances.unusable.items()}
    models, wrong = parse_pipelines(configuration.pipelines)
    pipelines, dangling = compile_pipelines(models, _commands(manifests), emits=_emits(manifests))
    routes, unrouted = compile_routes(configuration.routes, instances, marks)
    schedules, unscheduled = compile_schedules(configuration.plugins, instances, marks)
    tokens = configuration.api.auth.tokens if configuration.api else []
    names = {model.name for model in models}
    principals, refused = compile_principals(tokens, manifests, names, marks)
    context = SectionContext(
        key="",
        root=layers.root,
        configuration=configuration,
        instances=instances,
        pipelines=pipelines,
        principals=principals,
        marks=marks,
    )
    sections, faulty = compile_sections(layers.sections, context)
    parts = _Parts(
        instances=instances,
        pipelines=pipelines,
        routes=routes,
        schedules=schedules,
        principals=principals,
        sections=sections,
    )
    flow = [with_mark(problem, marks) for problem in (*wrong, *dangling)]
    return parts, [*instances.problems, *flow, *unrouted, *unscheduled, *refused, *faulty]


def _commands(manifests: Mapping[str, Manifest | None]) -> dict[str, Mapping[str, object] | None]:
    return {name: manifest.commands if manifest else None for name, manifest in manifests.items()}


def _emits(manifests: Mapping[str, Manifest | None]) -> dict[tuple[str, str], frozenset[str]]:
    """(plugin, command) → the payload names of its events, where the manifest declares them."""
    return {
        (name, command.name): frozenset(value for values in command.emits.values() for value in values)
        for name, manifest in manifests.items()
        if manifest
        for command in manifest.commands.values()
        if command.emits
    }


def _checked(configuration: Configuration, marks: Marks) -> list[Problem]:
    """What is wrong between keys of different sections."""
    service = configuration.service
    problems = []
    if service.job_queue_retention < service.dedupe_ttl:
        message = "`job_queue_retention` must be at least `dedupe_ttl`: finished jobs are what duplicates are found by"
        path = ("service", "job_queue_retention")
        path = path if marks.knows(path) else ("service", "dedupe_ttl")
        problems.append(problem_at("bad_value", message, path, marks))
    if "all" in service.inherit_env:
        message = "`inherit_env: [all]` gives every plugin every variable of the gateway, secrets too"
        problems.append(problem_at("inherits_all", message, ("service", "inherit_env"), marks, severity="warning"))
    return problems


def _ambiguous_prefix(snapshot: Snapshot, marks: Marks) -> list[Problem]:
    """A path of `public_url` that is one of the gateway's own as well."""
    first = snapshot.api.prefix.split("/")[1:2]
    if not first or first[0] not in {row.path.split("/")[1] for row in snapshot.rows}:
        return []
    message = f"`public_url` must not have the path `/{first[0]}`, which the gateway itself has; choose another one"
    return [problem_at("bad_value", message, ("api", "public_url"), marks)]


def _absent(configuration: Configuration, marks: Marks) -> list[Problem]:
    """What a useful configuration has and this one lacks."""
    api = configuration.api
    problems = []
    if not configuration.plugin_roots:
        message = "there are no `plugin_roots`, so no plugin is found"
        problems.append(problem_at("no_plugins", message, ("plugin_roots",), marks, severity="warning"))
    if api and api.enabled and not api.auth.tokens:
        message = "there are no `api.auth.tokens`, so nobody may call"
        problems.append(problem_at("no_tokens", message, TOKENS, marks, severity="warning"))
    elif api and api.enabled and not any(token and ALL_SCOPES in token.scopes for token in api.auth.tokens):
        message = "no token has the scope `*`, so nobody may reload, pause or stop the gateway over HTTP"
        problems.append(problem_at("no_operator", message, TOKENS, marks, severity="warning"))
    return problems


def _hides_plugins(problem: Problem) -> bool:
    """Whether a mistake keeps plugins from being seen: a file that is no YAML, a plugin root that is not there."""
    return problem.severity == "error" and (problem.code == "yaml" or problem.path[:1] == ("plugin_roots",))


def _in_order(problems: Iterable[Problem], names: Sequence[str]) -> tuple[Problem, ...]:
    """Each problem once, by file in the order of reading, then by line; those without a place come last."""
    kept = {(problem.mark, problem.code, problem.message, problem.severity): problem for problem in problems}
    files = {name: number for number, name in enumerate(names)}

    def place(problem: Problem) -> tuple[int, str, int, int]:
        mark = problem.mark
        if mark is None:
            return (len(files) + 1, "", 0, 0)
        return (files.get(mark.file, len(files)), mark.file, mark.line, mark.column)

    return tuple(sorted(kept.values(), key=place))


def _snapshot(
    configuration: Configuration,
    parts: _Parts,
    layers: Layers,
    problems: Sequence[Problem],
    inputs: ConfigInputs,
    *,
    redactor: Redactor,
    generation: int,
) -> Snapshot:
    made = parts.instances.plugins
    plugins = {name: replace(plugin, init_hash=fingerprint.init_hash(plugin)) for name, plugin in made.items()}
    instances = replace(parts.instances, plugins=plugins)
    hashes = fingerprint.section_hashes(configuration, instances, parts.pipelines)
    graphs = parts.pipelines.values()
    return Snapshot(
        generation=generation,
        config_hash=fingerprint.config_hash(hashes, list(parts.pipelines), str(layers.root)),
        root=layers.root,
        service=compile_service(configuration.service),
        api=compile_api(configuration.api),
        state_path=Path(configuration.state.path or layers.root / DEFAULT_STATE),
        state_max_size=configuration.state.max_size,
        principals=parts.principals,
        plugins=plugins,
        unusable=instances.unusable,
        pipelines=parts.pipelines,
        on_event=_grouped((graph.on, graph) for graph in graphs),
        on_hook=_grouped((graph.on_hook, graph) for graph in graphs),
        routes=parts.routes,
        schedules=parts.schedules,
        redactor=redactor,
        warnings=tuple(str(problem) for problem in problems),
        section_hashes=hashes,
        sections=parts.sections.values,
        section_settings=parts.sections.settings,
        restart_hashes=parts.sections.restart_hashes,
        inputs=inputs,
    )


def _grouped(graphs: Iterable[tuple[str | None, Graph]]) -> dict[str, tuple[Graph, ...]]:
    groups: dict[str, list[Graph]] = {}
    for name, graph in graphs:
        if name is not None:
            groups.setdefault(name, []).append(graph)
    return {name: tuple(group) for name, group in groups.items()}
