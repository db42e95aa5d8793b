"""The pipelines and routes that an event or a lifecycle signal starts.

A pipeline's own `if` is evaluated first. Where the evaluation fails, the pipeline is not started and a note says why;
notes name paths and types, never values.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ductile.flow.condition import Scope, evaluate
from ductile.flow.errors import ConditionError
from ductile.model.event import STEP_SUCCEEDED
from ductile.model.graph import Graph
from ductile.model.snapshot import EventRoute, Snapshot

TriggerMatch = tuple[tuple[Graph, ...], tuple[str, ...]]
"""The pipelines to start, in configuration order, and a sentence for each whose `if` could not be evaluated."""


def pipelines_on_event(
    snapshot: Snapshot, event_type: str, source: str, payload: Mapping[str, Any], context: Mapping[str, Any]
) -> TriggerMatch:
    """The pipelines that an event of this type from this plugin instance (empty: from none) starts."""
    if event_type == STEP_SUCCEEDED:
        return (), ()
    return _match_graphs(snapshot.on_event.get(event_type, ()), source, Scope(payload=payload, context=context))


def pipelines_on_hook(snapshot: Snapshot, signal: str, source: str, payload: Mapping[str, Any]) -> TriggerMatch:
    """The pipelines that this lifecycle signal of a plugin instance's job starts; a hook has no context."""
    return _match_graphs(snapshot.on_hook.get(signal, ()), source, Scope(payload=payload))


def routes_for_event(snapshot: Snapshot, event_type: str, source: str) -> tuple[EventRoute, ...]:
    """The `routes:` that an event of this type from this plugin instance takes."""
    return () if event_type == STEP_SUCCEEDED else snapshot.routes.get((source, event_type), ())


def _match_graphs(graphs: Iterable[Graph], source: str, scope: Scope) -> TriggerMatch:
    matching, notes = [], []
    for graph in graphs:
        if graph.from_plugin is not None and graph.from_plugin != source:
            continue
        try:
            if graph.condition is None or evaluate(graph.condition, scope).holds:
                matching.append(graph)
        except ConditionError as error:
            notes.append(f"pipeline {graph.name} was not started: {error.message}")
    return tuple(matching), tuple(notes)
