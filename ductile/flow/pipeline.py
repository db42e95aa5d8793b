"""Pipelines become graphs: calls are inlined, groups dissolve, and every node knows where its events go on.

Ids: a step's own `id`, or `step_1`… by its place in its list. Below a call, a named group or a named split, ids begin
with that one's id and `/`. Below an unnamed group or split a step's own id stands alone, and `step_1`… begin with the
group's `step_3/`. Of a pipeline that is called only the steps count; its trigger, `if` and limits are for its own runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from ductile.document.content import KEPT
from ductile.document.problem import Path, Problem
from ductile.flow import baggage
from ductile.flow.calls import callees_first, calls
from ductile.flow.dsl import PipelineModel, StepModel
from ductile.flow.hints import Emits, hints
from ductile.flow.parse import parsed
from ductile.flow.pinned import document, hash_of
from ductile.flow.uses import Commands, check_uses, split_uses
from ductile.model.graph import Graph, Node

MAX_NODES: Final = 10_000
"""Steps and gates of one graph, those of its calls included."""

_END: Final = ""
"""Stands in `next` and `bypass` of a fragment for whatever follows it."""


class _Fragment(Struct, frozen=True, kw_only=True):
    """A pipeline's graph before it is closed: what follows its last steps is open."""

    entry: tuple[str, ...]
    nodes: Mapping[str, Node]
    places: Mapping[str, Path]
    """Where each node that was not inlined stands."""


class _Spot(Struct, frozen=True):
    """Where a list of steps stands, and how the ids in it begin: authors' own, and those by number."""

    at: Path
    own: str = ""
    auto: str = ""


class _Compiled(Struct, frozen=True, kw_only=True, eq=False):
    """What has become of one pipeline, wherever it stands: paths count from it. Compared by identity."""

    fragment: _Fragment
    graph: Graph
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Whether there is a graph to run."""
        return not self.problems


class _TooLarge(Exception):
    """The call at this path would take the graph over its limit."""


class _Build(Struct, kw_only=True):
    """A fragment in the making. Steps are added last first, because each must know what follows it."""

    callees: Mapping[str, _Fragment]
    nodes: dict[str, Node] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    names: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def name(self, name: str, place: Path) -> None:
        """Take a name for a step; names are unique within the pipeline."""
        if name in self.names:
            message = f"another step of this pipeline is called `{name}` already; give one of them another `id`"
            self.problems.append(Problem(code="duplicate", message=message, path=self.names[name]))
        self.names[name] = place

    def add(self, nodes: Iterable[Node], count: int, place: Path) -> None:
        """Put nodes before those that stand already."""
        if len(self.nodes) + count > MAX_NODES:
            raise _TooLarge(place)
        self.nodes.update((node.id, node) for node in nodes)


def compile_pipelines(
    models: Iterable[PipelineModel],
    commands: Commands,
    at: Path = ("pipelines",),
    emits: Emits | None = None,
) -> tuple[dict[str, Graph], tuple[Problem, ...]]:
    """The graph of every pipeline that is sound, by name, and everything wrong with the others.

    `commands` maps each known plugin to its command names, or to None where they cannot be known. `emits` maps
    (plugin, command) to the payload names that its events carry; it only feeds warnings. `at` is where the list stands.
    """
    problems: list[Problem] = []
    named = _by_name(models, at, problems)
    for model in named.values():
        problems += check_uses(model, commands)
    ordered, wrong = callees_first(named)
    problems += wrong
    done: dict[str, _Compiled] = {}
    for model in ordered:
        called = dict.fromkeys(call for call, _ in calls(model))
        if any(call not in done for call in called):
            continue
        compiled = _compiled(model, tuple(done[call] for call in called))
        problems += [_below(model.place, problem) for problem in compiled.problems]
        if compiled.sound:
            done[model.name] = compiled
            problems += [_below(model.place, problem) for problem in _hints(compiled, emits)] if emits else ()
    in_order = {name: done[name].graph for name in named if name in done}
    return in_order, tuple(sorted(problems, key=lambda problem: _position(problem.path)))


def _below(place: Path, problem: Problem) -> Problem:
    return replace(problem, path=(*place, *problem.path))


def _position(path: Path) -> tuple[tuple[bool, int | str], ...]:
    return tuple((isinstance(part, str), part) for part in path)


def _by_name(models: Iterable[PipelineModel], at: Path, problems: list[Problem]) -> dict[str, PipelineModel]:
    named: dict[str, PipelineModel] = {}
    for model in models:
        if model.name in named:
            message = f"`{model.name}` is the name of another pipeline already; names are unique"
            problems.append(Problem(code="duplicate", message=message, path=(*(model.place or at), "name")))
        else:
            named[model.name] = model
    return named


def _compiled(model: PipelineModel, callees: tuple[_Compiled, ...]) -> _Compiled:
    """What has become of a pipeline; `callees` is what it calls. Nothing is made again of what is written as before."""
    text = model.text
    return _made(model, callees) if text is None else _known(text, callees)


@lru_cache(maxsize=KEPT)
def _known(text: bytes, callees: tuple[_Compiled, ...]) -> _Compiled:
    return _made(parsed(text), callees)


def _made(model: PipelineModel, callees: tuple[_Compiled, ...]) -> _Compiled:
    build = _Build(callees={callee.graph.name: callee.fragment for callee in callees})
    entry: tuple[str, ...] = ()
    try:
        entry = _sequence(build, model.steps, (_END,), _Spot(("steps",)))
    except _TooLarge as error:
        message = (
            f"pipeline `{model.name}` has more than {MAX_NODES:,} steps here, with those of its calls; make it shorter"
        )
        build.problems[:] = [Problem(code="too_large", message=message, path=error.args[0])]
    fragment = _Fragment(entry=entry, nodes=dict(reversed(build.nodes.items())), places=build.places)
    return _Compiled(fragment=fragment, graph=_closed(model, fragment), problems=tuple(build.problems))


def _hints(compiled: _Compiled, emits: Emits) -> tuple[Problem, ...]:
    """The warnings of a pipeline, by what the steps in it emit."""
    commands = {(node.plugin or "", node.command or "") for node in compiled.graph.nodes.values()}
    return _known_hints(compiled, tuple((key, frozenset(emits[key])) for key in sorted(commands) if key in emits))


@lru_cache(maxsize=KEPT)
def _known_hints(compiled: _Compiled, emits: tuple[tuple[tuple[str, str], frozenset[str]], ...]) -> tuple[Problem, ...]:
    return tuple(hints(compiled.graph, compiled.fragment.places, dict(emits)))


def _sequence(build: _Build, steps: Sequence[StepModel], after: tuple[str, ...], spot: _Spot) -> tuple[str, ...]:
    """Add steps that run one after the other; returns where an event enters them."""
    for index in reversed(range(len(steps))):
        after = _step(build, steps[index], index, after, spot)
    return after


def _branches(build: _Build, steps: Sequence[StepModel], after: tuple[str, ...], spot: _Spot) -> tuple[str, ...]:
    """Add steps that run side by side; returns where an event enters them."""
    entries = [_step(build, steps[index], index, after, spot) for index in reversed(range(len(steps)))]
    return tuple(dict.fromkeys(name for entry in reversed(entries) for name in entry))


def _step(build: _Build, step: StepModel, index: int, after: tuple[str, ...], spot: _Spot) -> tuple[str, ...]:
    at = (*spot.at, index)
    name = f"{spot.own}{step.id}" if step.id else f"{spot.auto}step_{index + 1}"
    entry = (
        after if step.uses else _inside(build, step, after, _Spot(at, f"{name}/" if step.id else spot.own, f"{name}/"))
    )
    build.name(name, (*at, "id") if step.id else at)
    if step.uses is None and step.condition is None:
        return entry
    plugin, command = split_uses(step.uses) if step.uses is not None else (None, None)
    node = Node(
        id=name,
        plugin=plugin,
        command=command,
        condition=step.condition,
        remap=step.remap or None,
        baggage=baggage.claims(step.baggage or {}),
        next=entry,
        bypass=after if step.condition else (),
    )
    build.add((node,), 1, at)
    build.places[name] = at
    return (name,)


def _inside(build: _Build, step: StepModel, after: tuple[str, ...], spot: _Spot) -> tuple[str, ...]:
    """Add what a call, a group or a split stands for."""
    if step.call is not None:
        return _inline(build, build.callees[step.call], after, spot)
    if step.split is not None:
        return _branches(build, step.split, after, replace(spot, at=(*spot.at, "split")))
    return _sequence(build, step.steps or (), after, replace(spot, at=(*spot.at, "steps")))


def _inline(build: _Build, callee: _Fragment, after: tuple[str, ...], spot: _Spot) -> tuple[str, ...]:
    """Add a called pipeline's nodes, every id below the call's own."""
    prefix = spot.auto

    def onward(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(far for name in names for far in (after if name == _END else (prefix + name,))))

    nodes = (
        replace(node, id=prefix + node.id, next=onward(node.next), bypass=onward(node.bypass))
        for node in reversed(list(callee.nodes.values()))
    )
    build.add(nodes, len(callee.nodes), (*spot.at, "call"))
    return onward(callee.entry)


def _closed(model: PipelineModel, fragment: _Fragment) -> Graph:
    """The graph of a fragment that nothing follows."""

    def ended(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name != _END)

    nodes = {
        name: replace(node, next=ended(node.next), bypass=ended(node.bypass))
        if _END in node.next or _END in node.bypass
        else node
        for name, node in fragment.nodes.items()
    }
    pinned = document(model, fragment.entry, nodes)
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
        hash=hash_of(pinned),
        document=pinned,
    )
