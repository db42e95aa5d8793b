"""Warnings of paths that no earlier step can have sent, as far as manifests declare what commands emit."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.operand import read_operand
from ductile.flow.path import segments
from ductile.flow.template import Reference, parse_template
from ductile.model.graph import Graph

EmittedNames = Mapping[tuple[str, str], Collection[str]]
"""(plugin, command) → the payload names its events carry, all event types together; absent where nothing is declared.

A name may be written `url` or `payload.url`; only its first part counts.
"""

_GATEWAY_NAMES: Final = frozenset(
    {"result", "ductile_upstream_plugin", "ductile_upstream_pipeline", "ductile_upstream_step_id"}
)
"""Names that the gateway itself puts into a payload."""


def lint_graph(graph: Graph, places: Mapping[str, Path], emits: EmittedNames) -> Iterator[Problem]:
    """A warning for each `with` and `if` of an authored node that reads what no earlier step emits."""
    upstream = _upstream_steps(graph)
    claim_names = {segments(claim.target)[0] for node in graph.nodes.values() for claim in node.baggage}
    for name, at in places.items():
        payload_names = _payload_names(graph, upstream[name], emits)
        if payload_names is None:
            continue
        node = graph.nodes[name]
        references = {(path, "if") for path in _condition_paths(node.condition or {})}
        references |= {(path, "with") for path in _template_paths(node.remap)}
        for path, key in sorted(references):
            root, *parts = segments(path)
            # `with` sees baggage under the payload, `if` does not.
            allowed = payload_names | claim_names if key == "with" else payload_names
            if root == "payload" and parts and parts[0] not in allowed:
                message = f"no step before this one is known to send `{path}`{did_you_mean(parts[0], allowed)}"
                yield Problem(code="unknown_path", message=message, path=(*at, key), severity="warning")


def _upstream_steps(graph: Graph) -> dict[str, set[str | None]]:
    """Node → the steps whose events reach it; None stands for what starts the run."""
    upstream: dict[str, set[str | None]] = {name: set() for name in graph.nodes}
    for name in graph.entry:
        upstream[name].add(None)
    # Every edge leads from an earlier node to a later one, so one pass in the graph's order is enough.
    for name, node in graph.nodes.items():
        for far in node.next:
            upstream[far] |= upstream[name] if node.plugin is None else {name}
        for far in node.bypass:
            upstream[far] |= upstream[name]
    return upstream


def _payload_names(graph: Graph, upstream: set[str | None], emits: EmittedNames) -> frozenset[str] | None:
    """The payload names that may arrive; None where that cannot be known."""
    names = set(_GATEWAY_NAMES)
    for name in upstream:
        node = graph.nodes[name] if name is not None else None
        emitted_names = emits.get((node.plugin or "", node.command or "")) if node else None
        if not emitted_names:
            return None
        names.update(map(_first_name, emitted_names))
    return frozenset(names)


def _first_name(emitted_name: str) -> str:
    """`url` of `payload.url`, `url.host` and `url`."""
    root, *parts = segments(emitted_name)
    return parts[0] if root == "payload" and parts else root


def _condition_paths(condition: Mapping[str, Any]) -> Iterator[str]:
    if "path" in condition:
        yield read_operand(condition["path"]).path
    for below in (*condition.get("all", ()), *condition.get("any", ())):
        yield from _condition_paths(below)
    if "not" in condition:
        yield from _condition_paths(condition["not"])


def _template_paths(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (part.path for part in parse_template(value) if isinstance(part, Reference))
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _template_paths(below)
    elif isinstance(value, list):
        for below in value:
            yield from _template_paths(below)
