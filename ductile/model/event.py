"""An event: what a plugin or an ingress says has happened."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ductile.model.clock import Millis

STEP_SUCCEEDED = "ductile.step.succeeded"
"""The event that a step without events of its own goes on with; it starts nothing."""

API = "api"
"""The source of what comes in over the API; `from: api` and `from_plugin: api` mean it."""

RESERVED = "ductile."
"""What the types of the gateway's own events begin with."""

API_TRIGGER = "api.trigger"
"""The type of the event around a payload posted to a `handle`."""


class Event(Struct, frozen=True, kw_only=True):
    """One event as it is stored: its payload once, referred to by every job it reaches."""

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


class Emitted(Struct, frozen=True, kw_only=True):
    """An event as a plugin wrote it in its response."""

    type: str
    payload: Mapping[str, Any]
    dedupe_key: str | None = None
