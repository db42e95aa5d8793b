"""Splits a schema that refers to its own parts, so that each such part can become a component. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from ductile.describe.dialect import DATA_KEYWORDS, SCHEMA_MAP_KEYWORDS, draft_of, to_latest_draft, translate_pointer
from ductile.describe.json_pointer import Pointer, find_value, is_list, parse_pointer

Json = dict[str, Any]

_DEFAULT_BASE = "https://schema.invalid/"
"""The base URI of a schema without one."""
_REFERENCE_KEYWORDS = ("$ref", "$dynamicRef", "$recursiveRef")
_IDENTITY_KEYWORDS = frozenset(
    {"$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$defs", "definitions", *_REFERENCE_KEYWORDS}
)
"""Keywords that are not needed once every reference points to its part."""
_INVALID_NAME_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")


class Relocation:
    """A schema, the parts that it refers to, and its parts with rewritten references."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._original = schema
        self._schema = to_latest_draft(schema, draft_of(schema))
        self._places: dict[str, Pointer] = {}
        """URI of a resource or of an anchor → its place in the schema."""
        for uri, place in self._resource_uris(self._schema, (), _DEFAULT_BASE):
            self._places.setdefault(uri, place)
        self._places.setdefault(_DEFAULT_BASE, ())
        self.targets = tuple(dict.fromkeys(self._targets(self._schema, _DEFAULT_BASE)))
        """The places that references lead to."""

    def part_name(self, place: Pointer) -> str:
        """A name for the component of the part at this place."""
        return _INVALID_NAME_CHARACTERS.sub("_", place[-1]).strip("_") or "part"

    def relocated_part(self, place: Pointer, address: Callable[[Pointer], str]) -> Any:
        """The part at this place, with the addresses of other parts as references."""
        base = _DEFAULT_BASE
        for index in range(len(place)):
            base = base_uri(find_value(self._schema, place[:index])[1], base)
        return self._rewrite(find_value(self._schema, place)[1], place, base, address, start=place)

    def _rewrite(
        self, value: Any, place: Pointer, base: str, address: Callable[[Pointer], str], start: Pointer | None = None
    ) -> Any:
        if is_list(value):
            return [self._rewrite(one, (*place, str(n)), base, address) for n, one in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if place in self.targets and place != start:
            return {"$ref": address(place)}
        base = base_uri(value, base)
        text: Json = {}
        for key in _REFERENCE_KEYWORDS:
            target = self._target(value.get(key), base)
            if target is not None:
                text["$ref"] = address(target)
        for key, member in value.items():
            at = (*place, key)
            if key in _IDENTITY_KEYWORDS:
                continue
            if key in DATA_KEYWORDS:
                text[key] = member
            elif key in SCHEMA_MAP_KEYWORDS and isinstance(member, Mapping):
                text[key] = {name: self._rewrite(one, (*at, name), base, address) for name, one in member.items()}
            else:
                text[key] = self._rewrite(member, at, base, address)
        return text

    def _resource_uris(self, value: Any, place: Pointer, base: str) -> Iterator[tuple[str, Pointer]]:
        """Every URI that a schema in the value declares, and its place."""
        for inner, at, around in self._schemas(value, place, base):
            own = inner.get("$id")
            if isinstance(own, str):
                uri, anchor = urldefrag(urljoin(around, own))
                yield (f"{uri}#{anchor}" if anchor else uri), at
            for key in ("$anchor", "$dynamicAnchor"):
                if isinstance(inner.get(key), str):
                    yield f"{base_uri(inner, around)}#{inner[key]}", at

    def _targets(self, value: Any, base: str) -> Iterator[Pointer]:
        for inner, _, around in self._schemas(value, (), base):
            for key in _REFERENCE_KEYWORDS:
                target = self._target(inner.get(key), base_uri(inner, around))
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
        inner = base_uri(value, base)
        for key, member in value.items():
            if key in SCHEMA_MAP_KEYWORDS and isinstance(member, Mapping):
                for name, one in member.items():
                    yield from self._schemas(one, (*place, key, name), inner)
            elif key not in DATA_KEYWORDS:
                yield from self._schemas(member, (*place, key), inner)

    def _target(self, reference: Any, base: str) -> Pointer | None:
        """The place that a reference leads to; None outside this schema, as for a draft's own schema."""
        if not isinstance(reference, str):
            return None
        uri, pointed = urldefrag(base + reference if reference.startswith("#") else urljoin(base, reference))
        anchored = self._places.get(f"{uri}#{pointed}") if pointed and not pointed.startswith("/") else None
        resource = self._places.get(uri)
        if anchored is not None or resource is None:
            return anchored
        place = resource + (
            parse_pointer(pointed) if resource else translate_pointer(self._original, parse_pointer(pointed))
        )
        return place if find_value(self._schema, place)[0] else None


def base_uri(schema: Any, base: str) -> str:
    """The base URI inside a schema; `base` is the one around it."""
    own = schema.get("$id") if isinstance(schema, Mapping) else None
    return urldefrag(urljoin(base, own))[0] if isinstance(own, str) else base
