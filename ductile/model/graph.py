"""Compiled pipelines: directed graphs of steps without cycles. Plain data, so that runs can be pinned to them."""

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
    """`step_1`, an author's id, `group/step`, or `call/step` for a step of a called pipeline."""
    plugin: str | None
    command: str | None = None
    condition: Condition | None = None
    remap: Mapping[str, Any] | None = None
    """`with`: payload key → template or literal."""
    baggage: tuple[Claim, ...] = ()
    next: tuple[str, ...] = ()
    """The successors that each emitted event reaches; for a gate, those of a true condition."""
    bypass: tuple[str, ...] = ()
    """The successors of a false condition."""


class Graph(Struct, frozen=True, kw_only=True):
    """A compiled pipeline. `hash` is the BLAKE3 (hex) of the part that a run is pinned to."""

    name: str
    on: str | None
    on_hook: str | None
    from_plugin: str | None
    condition: Condition | None
    max_depth: int
    """The most steps of a branch; 0 sets no limit."""
    synchronous: bool
    timeout: Millis | None
    entry: tuple[str, ...]
    nodes: Mapping[str, Node]
    hash: str
    document: bytes
    """The pinned part as JSON, which `definitions` stores and `flow.definition.load_graph` reads."""
