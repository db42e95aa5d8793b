"""Compiles pipelines to graphs: calls are inlined, groups dissolve, and every node names its successors.

Ids: a step's own `id`, or `step_1`… by its place in its list. Below a call, a named group or a named split, ids begin
with that one's id and `/`. Below an unnamed group or split a step's own id stands alone, and `step_1`… begin with the
group's `step_3/`. Of a pipeline that is called only the steps count; its trigger, `if` and limits are for its own runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from ductile.document.problem import Path, Problem
from ductile.document.value_key import MAX_CACHED_RESULTS
from ductile.flow.baggage import parse_claims
from ductile.flow.call_order import called_pipelines, order_callees_first
from ductile.flow.command_references import PluginCommands, check_uses, split_uses
from ductile.flow.definition import definition_hash, write_definition
from ductile.flow.dsl import PipelineModel, StepModel
from ductile.flow.lint import EmittedNames, lint_graph
from ductile.flow.parse import pipeline_from_source
from ductile.model.graph import Graph, Node

MAX_NODES: Final = 10_000
"""Steps and gates of one graph, those of its calls included."""

_OPEN_END: Final = ""
"""Placeholder in `next` and `bypass` of a fragment for the nodes that will follow the fragment."""


class _Fragment(Struct, frozen=True, kw_only=True):
    """A pipeline's graph whose last steps do not have successors yet."""

    entry: tuple[str, ...]
    nodes: Mapping[str, Node]
    paths: Mapping[str, Path]
    """The YAML path of each node that was not inlined."""


class _StepListPosition(Struct, frozen=True):
    """The path of a list of steps, and the prefixes of its ids: those that authors give, and those by number."""

    path: Path
    id_prefix: str = ""
    number_prefix: str = ""


class _CompiledPipeline(Struct, frozen=True, kw_only=True, eq=False):
    """A compiled pipeline; paths of its problems count from the pipeline. Compared by identity."""

    fragment: _Fragment
    graph: Graph
    problems: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        """Whether there is a graph to run."""
        return not self.problems


class _GraphTooLarge(Exception):
    """The call at this path would exceed the graph's limit of nodes."""


class _FragmentBuilder(Struct, kw_only=True):
    """Builds a fragment. Steps are added last first, because each step names its successors."""

    callees: Mapping[str, _Fragment]
    nodes: dict[str, Node] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    names: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def reserve_name(self, name: str, place: Path) -> None:
        """Reserve a step's name; names are unique within the pipeline."""
        if name in self.names:
            message = f"another step of this pipeline is called `{name}` already; give one of them another `id`"
            self.problems.append(Problem(code="duplicate", message=message, path=self.names[name]))
        self.names[name] = place

    def prepend_nodes(self, nodes: Iterable[Node], count: int, place: Path) -> None:
        """Add nodes before the nodes of the fragment."""
        if len(self.nodes) + count > MAX_NODES:
            raise _GraphTooLarge(place)
        self.nodes.update((node.id, node) for node in nodes)


def compile_pipelines(
    models: Iterable[PipelineModel],
    commands: PluginCommands,
    at: Path = ("pipelines",),
    emits: EmittedNames | None = None,
) -> tuple[dict[str, Graph], tuple[Problem, ...]]:
    """The graph of every valid pipeline, by name, and the problems of the others.

    `commands` maps each known plugin to its command names, or to None where they cannot be known. `emits` maps
    (plugin, command) to the payload names that its events carry; it only feeds warnings. `at` is where the list stands.
    """
    problems: list[Problem] = []
    by_name = _models_by_name(models, at, problems)
    for model in by_name.values():
        problems += check_uses(model, commands)
    in_call_order, call_problems = order_callees_first(by_name)
    problems += call_problems
    compiled_by_name: dict[str, _CompiledPipeline] = {}
    for model in in_call_order:
        callees = dict.fromkeys(call for call, _ in called_pipelines(model))
        if any(call not in compiled_by_name for call in callees):
            continue
        compiled = _compile(model, tuple(compiled_by_name[call] for call in callees))
        problems += [_with_base_path(model.path, problem) for problem in compiled.problems]
        if compiled.valid:
            compiled_by_name[model.name] = compiled
            problems += [_with_base_path(model.path, problem) for problem in _lint(compiled, emits)] if emits else ()
    in_order = {name: compiled_by_name[name].graph for name in by_name if name in compiled_by_name}
    return in_order, tuple(sorted(problems, key=lambda problem: _path_sort_key(problem.path)))


def _with_base_path(place: Path, problem: Problem) -> Problem:
    return replace(problem, path=(*place, *problem.path))


def _path_sort_key(path: Path) -> tuple[tuple[bool, int | str], ...]:
    return tuple((isinstance(part, str), part) for part in path)


def _models_by_name(models: Iterable[PipelineModel], at: Path, problems: list[Problem]) -> dict[str, PipelineModel]:
    by_name: dict[str, PipelineModel] = {}
    for model in models:
        if model.name in by_name:
            message = f"`{model.name}` is the name of another pipeline already; names are unique"
            problems.append(Problem(code="duplicate", message=message, path=(*(model.path or at), "name")))
        else:
            by_name[model.name] = model
    return by_name


def _compile(model: PipelineModel, callees: tuple[_CompiledPipeline, ...]) -> _CompiledPipeline:
    """Compile a pipeline that calls these; an unchanged pipeline comes from the cache."""
    text = model.source
    return _compile_model(model, callees) if text is None else _compile_source(text, callees)


@lru_cache(maxsize=MAX_CACHED_RESULTS)
def _compile_source(text: bytes, callees: tuple[_CompiledPipeline, ...]) -> _CompiledPipeline:
    return _compile_model(pipeline_from_source(text), callees)


def _compile_model(model: PipelineModel, callees: tuple[_CompiledPipeline, ...]) -> _CompiledPipeline:
    builder = _FragmentBuilder(callees={callee.graph.name: callee.fragment for callee in callees})
    entry: tuple[str, ...] = ()
    try:
        entry = _add_sequence(builder, model.steps, (_OPEN_END,), _StepListPosition(("steps",)))
    except _GraphTooLarge as error:
        message = (
            f"pipeline `{model.name}` has more than {MAX_NODES:,} steps here, with those of its calls; make it shorter"
        )
        builder.problems[:] = [Problem(code="too_large", message=message, path=error.args[0])]
    fragment = _Fragment(entry=entry, nodes=dict(reversed(builder.nodes.items())), paths=builder.paths)
    return _CompiledPipeline(
        fragment=fragment, graph=_close_fragment(model, fragment), problems=tuple(builder.problems)
    )


def _lint(compiled: _CompiledPipeline, emits: EmittedNames) -> tuple[Problem, ...]:
    """The warnings of a pipeline, by the names that its steps emit."""
    commands = {(node.plugin or "", node.command or "") for node in compiled.graph.nodes.values()}
    return _lint_emitted(compiled, tuple((key, frozenset(emits[key])) for key in sorted(commands) if key in emits))


@lru_cache(maxsize=MAX_CACHED_RESULTS)
def _lint_emitted(
    compiled: _CompiledPipeline, emits: tuple[tuple[tuple[str, str], frozenset[str]], ...]
) -> tuple[Problem, ...]:
    return tuple(lint_graph(compiled.graph, compiled.fragment.paths, dict(emits)))


def _add_sequence(
    builder: _FragmentBuilder, steps: Sequence[StepModel], after: tuple[str, ...], position: _StepListPosition
) -> tuple[str, ...]:
    """Add steps that run one after the other; returns their entry nodes."""
    for index in reversed(range(len(steps))):
        after = _add_step(builder, steps[index], index, after, position)
    return after


def _add_branches(
    builder: _FragmentBuilder, steps: Sequence[StepModel], after: tuple[str, ...], position: _StepListPosition
) -> tuple[str, ...]:
    """Add steps that run side by side; returns their entry nodes."""
    entries = [_add_step(builder, steps[index], index, after, position) for index in reversed(range(len(steps)))]
    return tuple(dict.fromkeys(name for entry in reversed(entries) for name in entry))


def _add_step(
    builder: _FragmentBuilder, step: StepModel, index: int, after: tuple[str, ...], position: _StepListPosition
) -> tuple[str, ...]:
    at = (*position.path, index)
    name = f"{position.id_prefix}{step.id}" if step.id else f"{position.number_prefix}step_{index + 1}"
    entry = (
        after
        if step.uses
        else _add_group(
            builder, step, after, _StepListPosition(at, f"{name}/" if step.id else position.id_prefix, f"{name}/")
        )
    )
    builder.reserve_name(name, (*at, "id") if step.id else at)
    if step.uses is None and step.condition is None:
        return entry
    plugin, command = split_uses(step.uses) if step.uses is not None else (None, None)
    node = Node(
        id=name,
        plugin=plugin,
        command=command,
        condition=step.condition,
        remap=step.remap or None,
        baggage=parse_claims(step.baggage or {}),
        next=entry,
        bypass=after if step.condition else (),
    )
    builder.prepend_nodes((node,), 1, at)
    builder.paths[name] = at
    return (name,)


def _add_group(
    builder: _FragmentBuilder, step: StepModel, after: tuple[str, ...], position: _StepListPosition
) -> tuple[str, ...]:
    """Add the steps of a call, a group or a split."""
    if step.call is not None:
        return _add_call(builder, builder.callees[step.call], after, position)
    if step.split is not None:
        return _add_branches(builder, step.split, after, replace(position, path=(*position.path, "split")))
    return _add_sequence(builder, step.steps or (), after, replace(position, path=(*position.path, "steps")))


def _add_call(
    builder: _FragmentBuilder, callee: _Fragment, after: tuple[str, ...], position: _StepListPosition
) -> tuple[str, ...]:
    """Add a called pipeline's nodes, with the call's id before every id."""
    prefix = position.number_prefix

    def link(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(far for name in names for far in (after if name == _OPEN_END else (prefix + name,))))

    nodes = (
        replace(node, id=prefix + node.id, next=link(node.next), bypass=link(node.bypass))
        for node in reversed(list(callee.nodes.values()))
    )
    builder.prepend_nodes(nodes, len(callee.nodes), (*position.path, "call"))
    return link(callee.entry)


def _close_fragment(model: PipelineModel, fragment: _Fragment) -> Graph:
    """The graph of a fragment without successors."""

    def without_open_end(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name != _OPEN_END)

    nodes = {
        name: replace(node, next=without_open_end(node.next), bypass=without_open_end(node.bypass))
        if _OPEN_END in node.next or _OPEN_END in node.bypass
        else node
        for name, node in fragment.nodes.items()
    }
    definition = write_definition(model, fragment.entry, nodes)
    return Graph(
        name=model.name,
        on=model.on,
        on_hook=model.on_hook,
        from_plugin=model.from_plugin,
        condition=model.condition,
        max_depth=model.max_depth,
        synchronous=model.execution_mode == "synchronous",
        timeout=model.timeout,
        entry=fragment.entry,
        nodes=nodes,
        hash=definition_hash(definition),
        document=definition,
    )
