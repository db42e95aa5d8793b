"""The definition of a run: the part of a graph that the run is pinned to, as a document."""

from collections.abc import Mapping
from typing import Any

import orjson
from blake3 import blake3

from ductile.errors import DuctileError
from ductile.flow.dsl import PipelineModel
from ductile.model.graph import Claim, Graph, Node

DEFINITION_VERSION = 1
"""The version of the document: another one may mean something else by its members."""


class UnknownDefinitionVersion(DuctileError):
    """This run is pinned to a definition of version {found}, this Ductile knows {known}; start the newer Ductile."""

    code = "unknown_definition_version"


def write_definition(model: PipelineModel, entry: tuple[str, ...], nodes: Mapping[str, Node]) -> bytes:
    """A definition as canonical JSON: sorted keys, nodes in the graph's order, empty members left out."""
    members = {
        "v": DEFINITION_VERSION,
        "name": model.name,
        "max_depth": model.max_depth,
        "synchronous": model.execution_mode == "synchronous",
        "timeout": model.timeout,
        "entry": entry,
        "nodes": [_node_document(node) for node in nodes.values()],
    }
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


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
    """The graph of a definition. Members that a started run does not need (trigger, `if`) are None.

    Raises UnknownDefinitionVersion.
    """
    members = orjson.loads(document)
    version = members.get("v")
    if version != DEFINITION_VERSION:
        raise UnknownDefinitionVersion(found=version, known=DEFINITION_VERSION)
    return Graph(
        name=members["name"],
        on=None,
        on_hook=None,
        from_plugin=None,
        condition=None,
        max_depth=members["max_depth"],
        synchronous=members["synchronous"],
        timeout=members["timeout"],
        entry=tuple(members["entry"]),
        nodes={node["id"]: _read_node(node) for node in members["nodes"]},
        hash=definition_hash(document),
        document=document,
    )


def _read_node(members: Mapping[str, Any]) -> Node:
    return Node(
        id=members["id"],
        plugin=members.get("plugin"),
        command=members.get("command"),
        condition=members.get("if"),
        remap=members.get("with"),
        baggage=tuple(Claim(**one) for one in members.get("baggage", ())),
        next=tuple(members.get("next", ())),
        bypass=tuple(members.get("bypass", ())),
    )
