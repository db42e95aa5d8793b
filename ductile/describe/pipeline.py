"""A pipeline as a document: what starts it, its steps, and where each leads. Tools draw and explain it from this."""

from collections.abc import Iterable, Mapping
from typing import Any

from ductile.model.graph import Claim, Graph, Node
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]


def pipeline(graph: Graph) -> Json:
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
        "steps": [step(node) for node in graph.nodes.values()],
    }


def step(node: Node) -> Json:
    """`{step, plugin, command, if, with, baggage, next, bypass}`; a gate before a group of steps has no plugin.

    `next` is where each event that it emits goes on, `bypass` where a false `if` leads.
    """
    return {
        "step": node.id,
        "plugin": node.plugin,
        "command": node.command,
        "if": node.condition,
        "with": node.remap,
        "baggage": claims(node.baggage),
        "next": list(node.next),
        "bypass": list(node.bypass),
    }


def claims(wanted: Iterable[Claim]) -> Mapping[str, str]:
    """Target → source; all members of an object stand below `target.*`."""
    return {f"{claim.target}.*" if claim.bulk else claim.target: claim.source for claim in wanted}


def pipelines(snapshot: Snapshot) -> Json:
    """`{pipelines: […]}`, by name."""
    return {"pipelines": [pipeline(graph) for _, graph in sorted(snapshot.pipelines.items())]}
