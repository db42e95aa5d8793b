"""A schema that refers to parts of itself, taken apart: each part it refers to gets a name of its own. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from ductile.describe.dialect import DATA, MAPS, draft_of, modern, moved
from ductile.describe.pointer import Pointer, found, is_list, parts

Json = dict[str, Any]

_NOWHERE = "https://schema.invalid/"
"""The base of a schema that names none."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_IDENTITY = frozenset({"$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$defs", "definitions", *_REFERENCES})
"""What has done its work once every reference points to where its part stands."""
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9._-]+")


class Relocation:
    """One schema: what it refers to, and its text with the references pointing elsewhere."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._written = schema
        self._schema = modern(schema, draft_of(schema))
        self._places: dict[str, Pointer] = {}
        """URI of a resource, or of an anchor in it → where it stands."""
        for uri, place in self._named(self._schema, (), _NOWHERE):
            self._places.setdefault(uri, place)
        self._places.setdefault(_NOWHERE, ())
        self.targets = tuple(dict.fromkeys(self._targets(self._schema, _NOWHERE)))
        """The places that something refers to."""

    def name(self, place: Pointer) -> str:
        """What a component for the part at this place may be called, beside the name of the whole."""
        return _UNNAMEABLE.sub("_", place[-1]).strip("_") or "part"

    def text(self, place: Pointer, address: Callable[[Pointer], str]) -> Any:
        """The part at this place, its references to other parts replaced by their addresses."""
        base = _NOWHERE
        for index in range(len(place)):
            base = base_of(found(self._schema, place[:index])[1], base)
        return self._rewrite(found(self._schema, place)[1], place, base, address, start=place)

    def _rewrite(
        self, value: Any, place: Pointer, base: str, address: Callable[[Pointer], str], start: Pointer | None = None
    ) -> Any:
        if is_list(value):
            return [self._rewrite(one, (*place, str(n)), base, address) for n, one in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if place in self.targets and place != start:
            return {"$ref": address(place)}
        base = base_of(value, base)
        text: Json = {}
        for key in _REFERENCES:
            target = self._target(value.get(key), base)
            if target is not None:
                text["$ref"] = address(target)
        for key, member in value.items():
            at = (*place, key)
            if key in _IDENTITY:
                continue
            if key in DATA:
                text[key] = member
            elif key in MAPS and isinstance(member, Mapping):
                text[key] = {name: self._rewrite(one, (*at, name), base, address) for name, one in member.items()}
            else:
                text[key] = self._rewrite(member, at, base, address)
        return text

    def _named(self, value: Any, place: Pointer, base: str) -> Iterator[tuple[str, Pointer]]:
        """Every name that something in the value gives itself."""
        for inner, at, around in self._schemas(value, place, base):
            own = inner.get("$id")
            if isinstance(own, str):
                uri, anchor = urldefrag(urljoin(around, own))
                yield (f"{uri}#{anchor}" if anchor else uri), at
            for key in ("$anchor", "$dynamicAnchor"):
                if isinstance(inner.get(key), str):
                    yield f"{base_of(inner, around)}#{inner[key]}", at

    def _targets(self, value: Any, base: str) -> Iterator[Pointer]:
        for inner, _, around in self._schemas(value, (), base):
            for key in _REFERENCES:
                target = self._target(inner.get(key), base_of(inner, around))
                if target is not None:
                    yield target

    def _schemas(self, value: Any, place: Pointer, base: str) -> Iterator[tuple[Mapping[str, Any], Pointer, str]]:
        """Every schema in the value, with its place and the base URI around it."""
        if is_list(value):
            for index, item in enumerate(value):
                yield from self._schemas(item, (*place, str(index)), base)
        if not isinstance(value, Mapping):
            return
        yield value, place, base
        inner = base_of(value, base)
        for key, member in value.items():
            if key in MAPS and isinstance(member, Mapping):
                for name, one in member.items():
                    yield from self._schemas(one, (*place, key, name), inner)
            elif key not in DATA:
                yield from self._schemas(member, (*place, key), inner)

    def _target(self, reference: Any, base: str) -> Pointer | None:
        """Where the part stands; None where the schema has none such (a reference to a draft's own schema)."""
        if not isinstance(reference, str):
            return None
        uri, pointed = urldefrag(base + reference if reference.startswith("#") else urljoin(base, reference))
        anchored = self._places.get(f"{uri}#{pointed}") if pointed and not pointed.startswith("/") else None
        resource = self._places.get(uri)
        if anchored is not None or resource is None:
            return anchored
        place = resource + (parts(pointed) if resource else moved(self._written, parts(pointed)))
        return place if found(self._schema, place)[0] else None


def base_of(schema: Any, base: str) -> str:
    """The base URI inside a schema that stands where `base` holds."""
    own = schema.get("$id") if isinstance(schema, Mapping) else None
    return urldefrag(urljoin(base, own))[0] if isinstance(own, str) else base
