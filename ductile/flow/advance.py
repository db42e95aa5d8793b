"""From one event at a place of a graph to the steps it leads to."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ductile.flow.baggage import accrete
from ductile.flow.condition import Scope, Verdict, evaluate
from ductile.flow.errors import BaggageError, ConditionError
from ductile.model.graph import Graph, Node
from ductile.model.order import Skip

CORE: Final = "core"
"""The `plugin` of a gate whose condition failed; its `command` is `if`."""

_HOLDS: Final = Verdict(holds=True, values={})


class NextStep(Struct, frozen=True, kw_only=True):
    """A step that the event reaches."""

    node: str
    plugin: str
    command: str
    context: Mapping[str, Any]
    """The baggage that it sees, its own claims included."""
    claimed: bool
    """Whether its claims added something to the inherited baggage."""
    depth: int
    """Steps from the run's start to here, this one included."""
    error: str | None = None
    """Why it fails without an attempt; its branch ends there."""


class Advance(Struct, frozen=True, kw_only=True):
    """Where an event goes: steps to insert and steps passed by, in the graph's order."""

    steps: tuple[NextStep, ...]
    skips: tuple[Skip, ...]


class _Reach(Struct, frozen=True, kw_only=True):
    """What reaches a node."""

    payload: Mapping[str, Any]
    context: Mapping[str, Any]
    depth: int
    config_of: Callable[[str], Mapping[str, Any]]


def advance(  # noqa: PLR0917  # place, event, baggage and settings are always all given, in this order
    graph: Graph,
    nodes: tuple[str, ...],
    payload: Mapping[str, Any],
    context: Mapping[str, Any],
    depth: int,
    config_of: Callable[[str], Mapping[str, Any]],
) -> Advance:
    """Carry one event (its payload as emitted) to these nodes.

    `depth` counts the steps behind it, 0 at a run's start; `config_of` gives the configuration of a plugin instance. A
    node is reached once by one event, whichever way bypassed branches lead there.
    """
    reach = _Reach(payload=payload, context=context, depth=depth + 1, config_of=config_of)
    found: dict[str, NextStep | Skip] = {}
    seen: set[str] = set()
    waiting = list(reversed(nodes))
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.id in seen:
            continue
        seen.add(node.id)
        outcome, onward = _visit(graph, node, reach)
        if outcome is not None:
            found[node.id] = outcome
        waiting.extend(reversed(onward))
    inorder = [found[name] for name in graph.nodes if name in found] if len(found) > 1 else list(found.values())
    return Advance(
        steps=tuple(one for one in inorder if isinstance(one, NextStep)),
        skips=tuple(one for one in inorder if isinstance(one, Skip)),
    )


def _visit(graph: Graph, node: Node, reach: _Reach) -> tuple[NextStep | Skip | None, tuple[str, ...]]:
    """What becomes of the event at this node, and where it goes on within the same moment."""
    error = None
    verdict = _HOLDS
    try:
        verdict = _decide(node, reach)
    except ConditionError as failed:
        error = failed.message
    if not verdict.holds:
        return Skip(step=node.id, reason="condition", condition=node.condition, values=verdict.values), node.bypass
    if node.plugin is None and error is None:
        return None, node.next
    if 0 < graph.max_depth < reach.depth:
        return Skip(step=node.id, reason="max_depth"), ()
    return _step(node, reach, error), ()


def _decide(node: Node, reach: _Reach) -> Verdict:
    if node.condition is None:
        return _HOLDS
    config = reach.config_of(node.plugin) if node.plugin is not None else {}
    return evaluate(node.condition, Scope(payload=reach.payload, context=reach.context, config=config))


def _step(node: Node, reach: _Reach, error: str | None) -> NextStep:
    context = reach.context
    if error is None:
        try:
            context = accrete(node.baggage, reach.payload, reach.context)
        except BaggageError as failed:
            error = failed.message
    return NextStep(
        node=node.id,
        plugin=node.plugin or CORE,
        command=node.command or "if",
        context=context,
        claimed=context is not reach.context,
        depth=reach.depth,
        error=error,
    )
