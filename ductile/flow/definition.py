"""The definition of a run: the part of a graph that the run is pinned to, as a document."""

from collections.abc import Mapping
from typing import Any

import orjson
from blake3 import blake3

from ductile.flow.dsl import PipelineModel
from ductile.model.graph import Claim, Graph, Node


def write_definition(model: PipelineModel, entry: tuple[str, ...], nodes: Mapping[str, Node]) -> bytes:
    """A definition as canonical JSON: sorted keys, nodes in the graph's order, empty members left out."""
    pinned = {
        "name": model.name,
        "max_depth": model.max_depth,
        "synchronous": model.execution_mode == "synchronous",
        "timeout": model.timeout,
        "entry": entry,
        "nodes": [_node_document(node) for node in nodes.values()],
    }
    return orjson.dumps(pinned, option=orjson.OPT_SORT_KEYS)


def definition_hash(document: bytes) -> str:
    """BLAKE3 (hex) of a definition's document."""
    return blake3(document).hexdigest()


def _node_document(node: Node) -> dict[str, Any]:
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
    """The graph of a definition. Members that a started run does not need (trigger, `if`) are None."""
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
        nodes={node["id"]: _read_node(node) for node in pinned["nodes"]},
        hash=definition_hash(document),
        document=document,
    )


def _read_node(written: Mapping[str, Any]) -> Node:
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
