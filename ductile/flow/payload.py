"""The payload and the context of a step's request: what the event brings, the baggage, and the gateway's own names."""

from collections.abc import Mapping
from typing import Any

from ductile.flow.template import remap_payload
from ductile.model.event import Event
from ductile.model.graph import Node


def merge_context(payload: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The payload on top of the accumulated context: the event's own top-level keys win."""
    return {**context, **payload}


def step_payload(node: Node, payload: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of a step's request: the event's payload on top of the baggage, then `with`. Raises RemapError."""
    merged = merge_context(payload, context)
    return remap_payload(node.remap, merged, context) if node.remap else merged


def routed_payload(payload: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """The payload with the names of the step that emitted the event, in place of names of an earlier step."""
    upstream = {
        "ductile_upstream_plugin": event.source or None,
        "ductile_upstream_pipeline": event.pipeline,
        "ductile_upstream_step_id": event.step,
    }
    own = {key: value for key, value in payload.items() if key not in upstream}
    return own | {key: value for key, value in upstream.items() if value is not None}


def step_context(context: Mapping[str, Any], plugin: str, pipeline: str, step: str) -> dict[str, Any]:
    """The context as this step's plugin sees it."""
    return {**context, "ductile_plugin": plugin, "ductile_pipeline": pipeline, "ductile_step_id": step}
