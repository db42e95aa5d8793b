"""Where each part of a YAML text begins and ends, to the character: what an edit needs and a reader does not."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    StreamEndEvent,
)


class Node(Struct, kw_only=True):
    """One value of a document. `text[start:end]` is what stands for it, its anchor and tag included."""

    kind: str
    """`scalar`, `map`, `list`, or `alias`."""
    start: int
    end: int
    flow: bool = False
    """Whether this is a map or list in brackets."""
    style: str = ""
    """Of a scalar: `'`, `"`, `|`, `>`, or nothing where it is plain."""
    value: str = ""
    """Of a scalar: its text."""
    decorated: bool = False
    """Whether an anchor or a tag stands before it."""
    entries: "list[Entry]" = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing is written where a value would be."""
        return self.kind == "scalar" and self.start == self.end

    @property
    def nothing(self) -> bool:
        """Whether this may become a map or a list without losing anything: null, `{}`, `[]`."""
        null = self.kind == "scalar" and not self.style and self.value in ("", "~", "null", "Null", "NULL")
        return (null or (self.flow and not self.entries)) and not self.decorated

    def child(self, part: str | int) -> "Entry | None":
        """The entry under a key or an index."""
        if self.kind == "map":
            return next((one for one in self.entries if one.key is not None and one.key.value == part), None)
        inside = self.kind == "list" and isinstance(part, int) and 0 <= part < len(self.entries)
        return self.entries[int(part)] if inside else None


class Entry(Struct):
    """A member of a map or, without a key, of a list."""

    key: Node | None
    value: Node


def parse_nodes(text: str) -> Node | None:
    """The tree of a text that was read without a problem; None where it holds no value."""
    parser = CParser(text)
    try:
        events = _events(parser)
        return next((_node(event, events, text) for event in events if isinstance(event, NodeEvent)), None)
    finally:
        parser.dispose()


def _events(parser: CParser) -> Iterator[Any]:
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        yield event


def _node(event: Any, events: Iterator[Any], text: str) -> Node:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, AliasEvent):
        return Node(kind="alias", start=start, end=end)
    decorated = event.anchor is not None or event.tag is not None
    if isinstance(event, ScalarEvent):
        style = event.style or ""
        if style in ("|", ">"):  # its mark lies behind the empty lines that follow
            end = start + len(text[start:end].rstrip())
        return Node(kind="scalar", start=start, end=end, style=style, value=event.value, decorated=decorated)
    kind = "map" if isinstance(event, MappingStartEvent) else "list"
    node = Node(kind=kind, start=start, end=end, flow=bool(event.flow_style), decorated=decorated)
    while isinstance(event := next(events), NodeEvent):
        key = _node(event, events, text) if kind == "map" else None
        node.entries.append(Entry(key, _node(next(events) if key else event, events, text)))
    if node.flow:
        node.end = event.end_mark.index
    elif node.entries:
        node.end = max(node.entries[-1].value.end, node.start)
    return node
