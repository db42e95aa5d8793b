"""YAML events become values and the places where they were written.

The parser is libyaml's; what the events mean is decided here: YAML 1.2 core scalars, keys that are text and stand
once, anchors, `<<` merge keys. Building from events instead of nodes is five times as fast, and the nesting of a
hostile file is seen before anything recurses into it (libyaml's own composer overflows the C stack).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from ductile.document.locations import Location, start_of_file
from ductile.document.problem import Mark, Problem
from ductile.document.yaml_scalar import read_scalar

MAX_DEPTH = 100
MAX_VALUES = 1_000_000
"""Values of one document, each use of an anchor counted in full: a few lines of aliases can stand for billions."""

_CORE = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    f"{_CORE}int": (int,),
    f"{_CORE}float": (float, int),
    f"{_CORE}bool": (bool,),
    f"{_CORE}null": (type(None),),
}

Built = tuple[Any, Location]


class _Anchored(NamedTuple):
    built: Built
    values: int
    depth: int


class _Mark(Protocol):
    """Line and column, counted from 0."""

    line: int
    column: int


_Event = Any
"""An event of the parser; each class has attributes of its own, and all have `start_mark`."""


class UnreadableDocument(Exception):
    """A document that is not built any further; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class Builder:
    """Builds one document. Problems that leave the rest readable are collected."""

    def __init__(self, text: str, file: str) -> None:
        self._parser = CParser(text)
        self._next: Callable[[], Any] = self._parser.get_event
        self._file = file
        self._path: list[str | int] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0
        self._deepest = 0
        self.problems: list[Problem] = []

    def build(self) -> Built:
        """The document's value and places. Raises Refused, or yaml.YAMLError for a syntax error."""
        try:
            return self._document()
        finally:
            self._parser.dispose()

    def _document(self) -> Built:
        built: Built | None = None
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, StreamStartEvent | DocumentEndEvent):
                continue
            if isinstance(event, DocumentStartEvent):
                if built is not None:
                    raise UnreadableDocument(
                        self._problem("yaml", "a second document starts here; a file holds only one", event)
                    )
                continue
            built = self._value(event, event.start_mark)
        return built if built is not None else ({}, start_of_file(self._file))

    def _value(self, event: _Event, key: _Mark) -> Built:
        self._count += 1
        if self._count > MAX_VALUES:
            message = f"the document has more than {MAX_VALUES:,} values, those behind its aliases counted"
            raise UnreadableDocument(self._problem("yaml", message, event))
        kind = event.__class__
        if kind is AliasEvent:
            return self._alias(event, key)
        if event.anchor is not None:
            return self._resolve_anchor(event, key, event.anchor)
        return self._scalar(event, key) if kind is ScalarEvent else self._collection(event, key)

    def _resolve_anchor(self, event: _Event, key: _Mark, anchor: str) -> Built:
        before, deepest, level = self._count, self._deepest, len(self._path)
        self._anchors[anchor] = None
        self._deepest = level
        built = self._scalar(event, key) if event.__class__ is ScalarEvent else self._collection(event, key)
        self._anchors[anchor] = _Anchored(built, self._count - before, self._deepest - level)
        self._deepest = max(deepest, self._deepest)
        return built

    def _collection(self, event: _Event, key: _Mark) -> Built:
        self._deepen(len(self._path) + 1, event)
        wanted = "map" if event.__class__ is MappingStartEvent else "seq"
        if event.tag not in (None, "!", _CORE + wanted):
            self.problems.append(self._unknown_tag(event))
        return self._map(event, key) if wanted == "map" else self._list(event, key)

    def _deepen(self, depth: int, event: _Event) -> None:
        if depth > MAX_DEPTH:
            problem = self._problem("yaml", f"values are nested deeper than {MAX_DEPTH} levels", event)
            raise UnreadableDocument(replace(problem, path=()))
        self._deepest = max(self._deepest, depth)

    def _map(self, start: _Event, key: _Mark) -> Built:
        values: dict[str, Any] = {}
        places: dict[str, Location] = {}
        merged: list[Built] = []
        path = self._path
        while (event := self._next()).__class__ is not MappingEndEvent:
            name = self._key(event)
            path.append(name if name is not None else "?")
            value, place = self._value(self._next(), event.start_mark)
            if name is None:
                pass
            elif name == "<<" and not event.style:
                merged.extend(self._merge_sources(value, place))
            elif name in values:
                first = places[name]
                message = f"`{name}` stands twice; the first is at line {first.key_line}"
                self.problems.append(self._problem("duplicate_key", message, event))
            else:
                values[name], places[name] = value, place
            path.pop()
        for source, place in merged:
            children: Any = place.children
            for name in source:
                if name not in values:
                    values[name], places[name] = source[name], children[name]
        return values, self._place(start, key, children=places)

    def _list(self, start: _Event, key: _Mark) -> Built:
        values: list[Any] = []
        places: list[Location] = []
        path = self._path
        while (event := self._next()).__class__ is not SequenceEndEvent:
            path.append(len(values))
            value, place = self._value(event, event.start_mark)
            path.pop()
            values.append(value)
            places.append(place)
        return values, self._place(start, key, children=places)

    def _key(self, event: _Event) -> str | None:
        here: _Mark = event.start_mark
        if event.__class__ is ScalarEvent:
            name: str = event.value
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchored(self._scalar(event, here), 1, 0)
            return name
        self._path.append("?")
        value, _ = self._value(event, here)
        self._path.pop()
        if isinstance(value, str):
            return value
        message = "a key must be text; put quotes around a value that starts with `{` or `[`"
        self.problems.append(self._problem("bad_key", message, event))
        return None

    def _merge_sources(self, value: Any, place: Location) -> list[Built]:
        if isinstance(value, dict):
            return [(value, place)]
        children: Any = place.children
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return list(zip(value, children, strict=True))
        mark = Mark(place.file, place.line, place.column)
        message = "`<<` takes a map, or a list of maps, such as `<<: *defaults`"
        self.problems.append(Problem(code="bad_merge", message=message, path=tuple(self._path), mark=mark))
        return []

    def _alias(self, event: _Event, key: _Mark) -> Built:
        name = event.anchor or ""
        if name not in self._anchors:
            message = f"no anchor `&{name}` stands above; put quotes around a value that starts with `*`"
            raise UnreadableDocument(self._problem("yaml", message, event))
        known = self._anchors[name]
        if known is None:
            raise UnreadableDocument(self._problem("yaml", f"the anchor `&{name}` contains itself", event))
        self._count += known.values
        self._deepen(len(self._path) + known.depth, event)
        value, place = known.built
        return value, self._place(event, key, plain=place.plain, children=place.children)

    def _scalar(self, event: _Event, key: _Mark) -> Built:
        text: str = event.value
        plain = not event.style
        place = self._place(event, key, plain=plain)
        if event.tag is not None:
            return self._resolve_tag(event, text), place._replace(plain=False)
        if not plain or ("$" in text and "${" in text):
            return text, place
        try:
            return read_scalar(text), place
        except ValueError as error:
            self.problems.append(self._problem("bad_value", str(error), event))
            return text, place

    def _resolve_tag(self, event: _Event, text: str) -> Any:
        if event.tag in ("!", f"{_CORE}str"):
            return text
        types = _TYPES.get(event.tag or "")
        if types is None:
            self.problems.append(self._unknown_tag(event))
            return text
        try:
            value = read_scalar(text)
        except ValueError:
            value = text
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            message = f"`{text}` is no {str(event.tag).removeprefix(_CORE)}, as its tag says"
            self.problems.append(self._problem("bad_value", message, event))
        return value

    def _unknown_tag(self, event: _Event) -> Problem:
        shown = str(event.tag).replace(_CORE, "!!")
        message = f"the tag `{shown}` means nothing here; put quotes around a value that starts with `!`"
        return self._problem("unknown_tag", message, event)

    def _place(
        self,
        event: _Event,
        key: _Mark,
        *,
        plain: bool = False,
        children: Any = None,
    ) -> Location:
        mark = event.start_mark
        return Location(self._file, mark.line + 1, mark.column + 1, key.line + 1, key.column + 1, plain, children)

    def _problem(self, code: str, message: str, event: _Event) -> Problem:
        mark = event.start_mark
        place = Mark(self._file, mark.line + 1, mark.column + 1)
        return Problem(code=code, message=message, path=tuple(self._path), mark=place)
