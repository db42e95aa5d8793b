"""A pipeline, compiled: a directed graph of steps without cycles. Plain data, so that a run can be pinned to it."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ductile.model.clock import Millis

Condition = Mapping[str, Any]
"""`{path, op, value?}`, `{all: […]}`, `{any: […]}` or `{not: …}`, checked at load."""


class Claim(Struct, frozen=True, kw_only=True):
    """One claim of baggage: the value at `source` becomes durable at `target`."""

    target: str
    """A dotted path of the context."""
    source: str
    """`payload.a.b` or `context.a.b`."""
    bulk: bool = False
    """The source must be an object; each of its members is claimed below the target."""


class Node(Struct, frozen=True, kw_only=True):
    """A step that runs a plugin, or (where `plugin` is None) a gate before a group of steps."""

    id: str
    """`step_1`, an author's id, `group/step`, or `call/step` for what a call inlines."""
    plugin: str | None
    command: str | None = None
    condition: Condition | None = None
    remap: Mapping[str, Any] | None = None
    """`with`: payload key → template or literal."""
    baggage: tuple[Claim, ...] = ()
    next: tuple[str, ...] = ()
    """Where each emitted event goes on; for a gate, where a true condition leads."""
    bypass: tuple[str, ...] = ()
    """Where a false condition leads."""


class Graph(Struct, frozen=True, kw_only=True):
    """A compiled pipeline. `hash` is the BLAKE3 (hex) of the part that a run is pinned to."""

    name: str
    on: str | None
    on_hook: str | None
    from_plugin: str | None
    condition: Condition | None
    max_depth: int
    """Steps a branch may be long; 0 sets no limit."""
    synchronous: bool
    timeout: Millis | None
    entry: tuple[str, ...]
    nodes: Mapping[str, Node]
    hash: str
    document: bytes
    """The pinned part as JSON: what `definitions` stores and `flow.pipeline.load_graph` reads back."""
