"""Pipelines become graphs: calls are inlined, groups dissolve, and every node knows where its events go on.

Ids: a step's own `id`, or `step_1`… by its place in its list. Below a call, a named group or a named split, ids begin
with that one's id and `/`. Below an unnamed group or split a step's own id stands alone, and `step_1`… begin with the
group's `step_3/`. Of a pipeline that is called only the steps count; its trigger, `if` and limits are for its own runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from blake3 import blake3

from ductile.document.problem import Path, Problem
from ductile.flow import baggage
from ductile.flow.calls import callees_first, calls
from ductile.flow.dsl import PipelineModel, StepModel
from ductile.flow.hints import Emits, hints
from ductile.flow.uses import Commands, check_uses, split_uses
from ductile.model.graph import Claim, Graph, Node

MAX_NODES: Final = 10_000
"""Steps and gates of one graph, those of its calls included."""

_END: Final = ""
"""Stands in `next` and `bypass` of a fragment for whatever follows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fragment:
    """A pipeline's graph before it is closed: what follows its last steps is open."""

    entry: tuple[str, ...]
    nodes: Mapping[str, Node]
    places: Mapping[str, Path]
    """Where each node that was not inlined stands."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a list of steps stands, and how the ids in it begin: authors' own, and those by number."""

    at: Path
    own: str = ""
    auto: str = ""


class _TooLarge(Exception):
    """The call at this path would take the graph over its limit."""


@dataclass(kw_only=True, slots=True)
class _Build:
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
    fragments: dict[str, _Fragment] = {}
    graphs: dict[str, Graph] = {}
    for model in ordered:
        fragment = _fragment(model, fragments, problems)
        if fragment is not None:
            fragments[model.name] = fragment
            graphs[model.name] = graph = _closed(model, fragment)
            problems += hints(graph, fragment.places, emits) if emits else ()
    in_order = {name: graphs[name] for name in named if name in graphs}
    return in_order, tuple(sorted(problems, key=lambda problem: _position(problem.path)))


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


def _fragment(model: PipelineModel, callees: Mapping[str, _Fragment], problems: list[Problem]) -> _Fragment | None:
    """The pipeline's fragment; None where it, or what it calls, has a problem."""
    if any(call not in callees for call, _ in calls(model)):
        return None
    build = _Build(callees=callees)
    try:
        entry = _sequence(build, model.steps, (_END,), _Spot((*model.place, "steps")))
    except _TooLarge as error:
        message = (
            f"pipeline `{model.name}` has more than {MAX_NODES:,} steps here, with those of its calls; make it shorter"
        )
        problems.append(Problem(code="too_large", message=message, path=error.args[0]))
        return None
    problems += build.problems
    if build.problems:
        return None
    return _Fragment(entry=entry, nodes=dict(reversed(build.nodes.items())), places=build.places)


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
    node = Node(id=name, plugin=None, condition=step.condition, next=entry, bypass=after if step.condition else ())
    if step.uses is not None:
        plugin, command = split_uses(step.uses)
        claimed = baggage.claims(step.baggage or {})
        node = replace(node, plugin=plugin, command=command, remap=step.remap or None, baggage=claimed)
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
        name: replace(node, next=ended(node.next), bypass=ended(node.bypass)) for name, node in fragment.nodes.items()
    }
    graph = Graph(
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
        hash="",
        document=b"",
    )
    document = _document(graph)
    return replace(graph, document=document, hash=blake3(document).hexdigest())


def _document(graph: Graph) -> bytes:
    """The pinned part as canonical JSON: sorted keys, nodes in the graph's order, empty members left out."""
    pinned = {
        "name": graph.name,
        "max_depth": graph.max_depth,
        "synchronous": graph.synchronous,
        "timeout": graph.timeout,
        "entry": graph.entry,
        "nodes": [_written(node) for node in graph.nodes.values()],
    }
    return orjson.dumps(pinned, option=orjson.OPT_SORT_KEYS)


def _written(node: Node) -> dict[str, Any]:
    members = {
        "id": node.id,
        "plugin": node.plugin,
        "command": node.command,
        "if": node.condition,
        "with": node.remap,
        "baggage": [{"target": one.target, "source": one.source, "bulk": one.bulk} for one in node.baggage],
        "next": node.next,
        "bypass": node.bypass,
    }
    return {key: value for key, value in members.items() if value}


def load_graph(document: bytes) -> Graph:
    """The graph of a pinned document. What a run never asks for again (its trigger and `if`) is None."""
    pinned = orjson.loads(document)
    return Graph(
        name=pinned["name"],
        on=None,
        on_hook=None,
        from_plugin=None,
        condition=None,
        max_depth=pinned["max_depth"],
        synchronous=pinned["synchronous"],
        timeout=pinned["timeout"],
        entry=tuple(pinned["entry"]),
        nodes={node["id"]: _read(node) for node in pinned["nodes"]},
        hash=blake3(document).hexdigest(),
        document=document,
    )


def _read(written: Mapping[str, Any]) -> Node:
    return Node(
        id=written["id"],
        plugin=written.get("plugin"),
        command=written.get("command"),
        condition=written.get("if"),
        remap=written.get("with"),
        baggage=tuple(Claim(**one) for one in written.get("baggage", ())),
        next=tuple(written.get("next", ())),
        bypass=tuple(written.get("bypass", ())),
    )
