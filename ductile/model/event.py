"""Events that plugins emit, that clients post, and that the gateway makes."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ductile.model.clock import Millis

STEP_SUCCEEDED = "ductile.step.succeeded"
"""The type of the event that continues a run after a step without events; it starts no pipelines or routes."""

API_SOURCE = "api"
"""The source of events from the API, as in `from: api` and `from_plugin: api`."""

RESERVED_TYPE_PREFIX = "ductile."
"""Prefix of the types of the gateway's own events."""

API_TRIGGER = "api.trigger"
"""The type of the event of a payload that is posted to a plugin's `handle`."""


class Event(Struct, frozen=True, kw_only=True):
    """A stored event: its payload is stored once, and every job that it reaches refers to it."""

    id: str
    type: str
    payload: bytes
    """One JSON object, encoded."""
    source: str
    """The plugin instance that emitted it, or the kind of ingress; empty for none."""
    timestamp: Millis
    dedupe_key: str | None = None
    job_id: str | None = None
    """The job that emitted it."""
    root_id: str | None = None
    pipeline: str | None = None
    """The pipeline that the emitting job was a step of."""
    step: str | None = None


class EmittedEvent(Struct, frozen=True, kw_only=True):
    """An event of a plugin's response."""

    type: str
    payload: Mapping[str, Any]
    dedupe_key: str | None = None
