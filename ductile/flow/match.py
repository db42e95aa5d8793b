"""Which pipelines an event or a lifecycle signal starts.

A pipeline's own `if` decides before anything is started. Where it cannot be decided, nothing is started and a note
says why; notes name paths and types, never values.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ductile.flow.condition import Scope, evaluate
from ductile.flow.errors import ConditionError
from ductile.model.event import STEP_SUCCEEDED
from ductile.model.graph import Graph
from ductile.model.snapshot import EventRoute, Snapshot

Matched = tuple[tuple[Graph, ...], tuple[str, ...]]
"""The pipelines to start, in configuration order, and a sentence for each that could not be decided."""


def started_by(
    snapshot: Snapshot, event_type: str, source: str, payload: Mapping[str, Any], context: Mapping[str, Any]
) -> Matched:
    """What an event of this type from this plugin instance (empty: from none) starts."""
    if event_type == STEP_SUCCEEDED:
        return (), ()
    return _matching(snapshot.on_event.get(event_type, ()), source, Scope(payload=payload, context=context))


def hooks_for(snapshot: Snapshot, signal: str, source: str, payload: Mapping[str, Any]) -> Matched:
    """What this lifecycle signal of a job of this plugin instance starts; a hook sees no context."""
    return _matching(snapshot.on_hook.get(signal, ()), source, Scope(payload=payload))


def routes_of(snapshot: Snapshot, event_type: str, source: str) -> tuple[EventRoute, ...]:
    """The `routes:` that an event of this type from this plugin instance takes."""
    return () if event_type == STEP_SUCCEEDED else snapshot.routes.get((source, event_type), ())


def _matching(graphs: Iterable[Graph], source: str, scope: Scope) -> Matched:
    started, notes = [], []
    for graph in graphs:
        if graph.from_plugin is not None and graph.from_plugin != source:
            continue
        try:
            if graph.condition is None or evaluate(graph.condition, scope).holds:
                started.append(graph)
        except ConditionError as error:
            notes.append(f"pipeline {graph.name} was not started: {error.message}")
    return tuple(started), tuple(notes)
