"""The part of a graph that a run is pinned to, as a document."""

from collections.abc import Mapping
from typing import Any

import orjson
from blake3 import blake3

from ductile.flow.dsl import PipelineModel
from ductile.model.graph import Claim, Graph, Node


def document(model: PipelineModel, entry: tuple[str, ...], nodes: Mapping[str, Node]) -> bytes:
    """The pinned part as canonical JSON: sorted keys, nodes in the graph's order, empty members left out."""
    pinned = {
        "name": model.name,
        "max_depth": model.max_depth,
        "synchronous": model.execution_mode == "synchronous",
        "timeout": model.timeout,
        "entry": entry,
        "nodes": [_written(node) for node in nodes.values()],
    }
    return orjson.dumps(pinned, option=orjson.OPT_SORT_KEYS)


def hash_of(document: bytes) -> str:
    """BLAKE3 (hex) of a pinned document."""
    return blake3(document).hexdigest()


def _written(node: Node) -> dict[str, Any]:
    members = {
        "id": node.id,
        "plugin": node.plugin,
        "command": node.command,
        "if": node.condition,
        "with": node.remap,
        "baggage": [{"target": one.target, "source": one.source, "bulk": one.bulk} for one in node.baggage],
        "next": node.next,
        "bypass": node.bypass,
    }
    return {key: value for key, value in members.items() if value}


def load_graph(document: bytes) -> Graph:
    """The graph of a pinned document. What a run never asks for again (its trigger and `if`) is None."""
    pinned = orjson.loads(document)
    return Graph(
        name=pinned["name"],
        on=None,
        on_hook=None,
        from_plugin=None,
        condition=None,
        max_depth=pinned["max_depth"],
        synchronous=pinned["synchronous"],
        timeout=pinned["timeout"],
        entry=tuple(pinned["entry"]),
        nodes={node["id"]: _read(node) for node in pinned["nodes"]},
        hash=hash_of(document),
        document=document,
    )


def _read(written: Mapping[str, Any]) -> Node:
    return Node(
        id=written["id"],
        plugin=written.get("plugin"),
        command=written.get("command"),
        condition=written.get("if"),
        remap=written.get("with"),
        baggage=tuple(Claim(**one) for one in written.get("baggage", ())),
        next=tuple(written.get("next", ())),
        bypass=tuple(written.get("bypass", ())),
    )
