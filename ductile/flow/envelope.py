"""What the gateway adds to the payload and the context of a request."""

from collections.abc import Mapping
from typing import Any

from ductile.model.event import Event


def merge_context(payload: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with the accumulated context under it: the event's own top-level keys win."""
    return {**context, **payload}


def routed_payload(payload: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """The payload with the names of the step that emitted it, in place of any it brought along."""
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
