"""The document of a pipeline, from which tools draw and explain it: triggers, steps, successors."""

from collections.abc import Iterable, Mapping
from typing import Any

from ductile.model.graph import Claim, Graph, Node
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]


def pipeline_document(graph: Graph) -> Json:
    """`{name, on, on_hook, from_plugin, if, execution_mode, timeout_secs, max_depth, hash, entry, steps}`."""
    seconds = None if graph.timeout is None else graph.timeout / 1000
    return {
        "name": graph.name,
        "on": graph.on,
        "on_hook": graph.on_hook,
        "from_plugin": graph.from_plugin,
        "if": graph.condition,
        "execution_mode": "synchronous" if graph.synchronous else "asynchronous",
        "timeout_secs": int(seconds) if seconds is not None and seconds.is_integer() else seconds,
        "max_depth": graph.max_depth,
        "hash": graph.hash,
        "entry": list(graph.entry),
        "steps": [step_document(node) for node in graph.nodes.values()],
    }


def step_document(node: Node) -> Json:
    """`{step, plugin, command, if, with, baggage, next, bypass}`; a gate before a group of steps has no plugin.

    `next` lists the successors of each emitted event, `bypass` those of a false `if`.
    """
    return {
        "step": node.id,
        "plugin": node.plugin,
        "command": node.command,
        "if": node.condition,
        "with": node.remap,
        "baggage": claim_documents(node.baggage),
        "next": list(node.next),
        "bypass": list(node.bypass),
    }


def claim_documents(claims: Iterable[Claim]) -> Mapping[str, str]:
    """Target → source; `target.*` claims all members of an object."""
    return {f"{claim.target}.*" if claim.bulk else claim.target: claim.source for claim in claims}


def pipelines_document(snapshot: Snapshot) -> Json:
    """`{pipelines: […]}`, by name."""
    return {"pipelines": [pipeline_document(graph) for _, graph in sorted(snapshot.pipelines.items())]}
