"""Schemas of older drafts, written as OpenAPI 3.1 reads them: as JSON Schema 2020-12. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ductile.describe.pointer import Pointer, found, is_list

Json = dict[str, Any]

LATEST = 2020
_DRAFT = re.compile(r"json-schema\.org/(?:draft-0?(\d)|draft/(\d{4})-\d\d)/")

DATA = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords whose values are data: nothing in them is a schema."""
MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
"""Keywords whose values hold schemas by name."""
_GONE = frozenset({"$comment", "$schema", "$vocabulary", "discriminator", "externalDocs", "xml"})
"""What is no business of a reader, and what OpenAPI means something else by."""
_BESIDE_REFERENCE = frozenset({"$ref", "$defs", "definitions", "description"})
_MAX_INTEGER = 2**64
_MIN_INTEGER = -(2**63)


def draft_of(schema: Mapping[str, Any]) -> int:
    """4, 6, 7, 2019 or 2020; the last where the schema does not say."""
    named = _DRAFT.search(str(schema.get("$schema", "")))
    return int(named[1] or named[2]) if named else LATEST


def modern(schema: Any, draft: int) -> Any:
    """The whole schema in the words of 2020-12."""
    if not isinstance(schema, Mapping):
        return plain(schema)
    return {key: within(key, value, lambda one: modern(one, draft)) for key, value in _today(schema, draft).items()}


def _today(schema: Mapping[str, Any], draft: int) -> Json:
    """The keywords of one schema, not of those inside it."""
    said = {str(key): value for key, value in schema.items() if key not in _GONE}
    if draft <= 7 and isinstance(said.get("$ref"), str):  # noqa: PLR2004 - until draft 7 nothing counts beside `$ref`
        said = {key: value for key, value in said.items() if key in _BESIDE_REFERENCE}
    if draft == 4:  # noqa: PLR2004 - the only one that says so
        if "id" in said:
            said["$id"] = said.pop("id")
        _bound(said, "exclusiveMinimum", "minimum")
        _bound(said, "exclusiveMaximum", "maximum")
    if is_list(said.get("items")):
        said["prefixItems"] = said.pop("items")
        if "additionalItems" in said:
            said["items"] = said.pop("additionalItems")
    if isinstance(said.get("dependencies"), Mapping):
        _split(said, said.pop("dependencies"))
    return said


def _bound(said: Json, exclusive: str, inclusive: str) -> None:
    """`minimum: 1, exclusiveMinimum: true` is today's `exclusiveMinimum: 1`."""
    if said.pop(exclusive, None) is True and inclusive in said:
        said[exclusive] = said.pop(inclusive)


def _split(said: Json, dependencies: Mapping[str, Any]) -> None:
    """`dependencies` are now two keywords: names that must be there too, and schemas that must hold."""
    for key, wanted in dependencies.items():
        keyword = "dependentRequired" if is_list(wanted) else "dependentSchemas"
        said[keyword] = {**said.get(keyword, {}), key: wanted}


def moved(schema: Any, place: Pointer) -> Pointer:
    """Where a part of the schema as it was written stands in its modern form."""
    now: list[str] = []
    for index, part in enumerate(place):
        _, holder = found(schema, place[:index])
        by_name = index > 0 and place[index - 1] in MAPS
        now.append(part if by_name or not isinstance(holder, Mapping) else _renamed(holder, part))
    return tuple(now)


def _renamed(schema: Mapping[str, Any], keyword: str) -> str:
    if is_list(schema.get("items")):
        keyword = {"items": "prefixItems", "additionalItems": "items"}.get(keyword, keyword)
    return "dependentSchemas" if keyword == "dependencies" else keyword


def within(key: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """A keyword's value with `change` applied to each schema in it; data stays as it is."""
    if key in DATA:
        return plain(value)
    if key in MAPS and isinstance(value, Mapping):
        return {str(name): change(one) for name, one in value.items()}
    if isinstance(value, Mapping):
        return change(value)
    return [within(key, one, change) for one in value] if is_list(value) else plain(value)


def plain(value: Any) -> Any:
    """Data as JSON carries it: an integer beyond 64 bits loses its last digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if is_list(value):
        return [plain(member) for member in value]
    if isinstance(value, int) and not isinstance(value, bool) and not _MIN_INTEGER <= value < _MAX_INTEGER:
        return float(value)
    return value
