"""What a step's plugin is given."""

from collections.abc import Mapping
from typing import Any

from ductile.flow.envelope import merge_context
from ductile.flow.remap import remap
from ductile.model.graph import Node


def step_payload(node: Node, payload: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The payload that reached the step with the baggage under it, and its `with` put into it. Raises RemapError."""
    merged = merge_context(payload, context)
    return remap(node.remap, merged, context) if node.remap else merged
