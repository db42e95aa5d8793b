"""From one event at a node of a graph to the next steps."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ductile.flow.baggage import apply_claims
from ductile.flow.condition import ConditionResult, Scope, evaluate
from ductile.flow.errors import BaggageError, ConditionError
from ductile.model.graph import Graph, Node
from ductile.model.writes import Skip

CORE_PLUGIN: Final = "core"
"""The `plugin` of a gate whose condition failed; its `command` is `if`."""

_UNCONDITIONAL: Final = ConditionResult(holds=True, values={})


class NextStep(Struct, frozen=True, kw_only=True):
    """A step that an event reaches."""

    node: str
    plugin: str
    command: str
    context: Mapping[str, Any]
    """The baggage that the step sees, its own claims included."""
    claimed: bool
    """Whether the step's claims added something to the inherited baggage."""
    depth: int
    """Steps from the run's start to here, this one included."""
    error: str | None = None
    """Why the step fails without an attempt; its branch ends there."""


class Advance(Struct, frozen=True, kw_only=True):
    """Where an event goes: steps to insert and skipped steps, in the graph's order."""

    steps: tuple[NextStep, ...]
    skips: tuple[Skip, ...]


class _Arrival(Struct, frozen=True, kw_only=True):
    """An event that reaches a node."""

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
    arrival = _Arrival(payload=payload, context=context, depth=depth + 1, config_of=config_of)
    outcomes: dict[str, NextStep | Skip] = {}
    visited: set[str] = set()
    waiting = list(reversed(nodes))
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.id in visited:
            continue
        visited.add(node.id)
        outcome, onward = _visit(graph, node, arrival)
        if outcome is not None:
            outcomes[node.id] = outcome
        waiting.extend(reversed(onward))
    inorder = (
        [outcomes[name] for name in graph.nodes if name in outcomes] if len(outcomes) > 1 else list(outcomes.values())
    )
    return Advance(
        steps=tuple(one for one in inorder if isinstance(one, NextStep)),
        skips=tuple(one for one in inorder if isinstance(one, Skip)),
    )


def _visit(graph: Graph, node: Node, arrival: _Arrival) -> tuple[NextStep | Skip | None, tuple[str, ...]]:
    """The step or skip of this node, and the nodes that the same event reaches next."""
    error = None
    result = _UNCONDITIONAL
    try:
        result = _evaluate_condition(node, arrival)
    except ConditionError as failed:
        error = failed.message
    if not result.holds:
        return Skip(step=node.id, reason="condition", condition=node.condition, values=result.values), node.bypass
    if node.plugin is None and error is None:
        return None, node.next
    if 0 < graph.max_depth < arrival.depth:
        return Skip(step=node.id, reason="max_depth"), ()
    return _next_step(node, arrival, error), ()


def _evaluate_condition(node: Node, arrival: _Arrival) -> ConditionResult:
    if node.condition is None:
        return _UNCONDITIONAL
    config = arrival.config_of(node.plugin) if node.plugin is not None else {}
    return evaluate(node.condition, Scope(payload=arrival.payload, context=arrival.context, config=config))


def _next_step(node: Node, arrival: _Arrival, error: str | None) -> NextStep:
    context = arrival.context
    if error is None:
        try:
            context = apply_claims(node.baggage, arrival.payload, arrival.context)
        except BaggageError as failed:
            error = failed.message
    return NextStep(
        node=node.id,
        plugin=node.plugin or CORE_PLUGIN,
        command=node.command or "if",
        context=context,
        claimed=context is not arrival.context,
        depth=arrival.depth,
        error=error,
    )
