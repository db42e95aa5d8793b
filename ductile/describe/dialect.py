"""Translates JSON Schemas of older drafts to 2020-12, which OpenAPI 3.1 reads. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ductile.describe.json_pointer import Pointer, find_value, is_list

Json = dict[str, Any]

LATEST_DRAFT = 2020
_DRAFT_PATTERN = re.compile(r"json-schema\.org/(?:draft-0?(\d)|draft/(\d{4})-\d\d)/")

DATA_KEYWORDS = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords whose values are data, not schemas."""
SCHEMA_MAP_KEYWORDS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
"""Keywords whose values map names to schemas."""
_DROPPED_KEYWORDS = frozenset({"$comment", "$schema", "$vocabulary", "discriminator", "externalDocs", "xml"})
"""Keywords that are dropped: of no use to readers, or with another meaning in OpenAPI."""
_KEPT_BESIDE_REFERENCE = frozenset({"$ref", "$defs", "definitions", "description"})
_MAX_INTEGER = 2**64
_MIN_INTEGER = -(2**63)


def draft_of(schema: Mapping[str, Any]) -> int:
    """The draft of a schema: 4, 6, 7, 2019 or 2020, which is the default."""
    draft = _DRAFT_PATTERN.search(str(schema.get("$schema", "")))
    return int(draft[1] or draft[2]) if draft else LATEST_DRAFT


def to_latest_draft(schema: Any, draft: int) -> Any:
    """Translate a whole schema to 2020-12."""
    if not isinstance(schema, Mapping):
        return to_json_data(schema)
    return {
        key: map_schemas(key, value, lambda one: to_latest_draft(one, draft))
        for key, value in _latest_keywords(schema, draft).items()
    }


def _latest_keywords(schema: Mapping[str, Any], draft: int) -> Json:
    """Translate the keywords of one schema, without the schemas inside it."""
    keywords = {str(key): value for key, value in schema.items() if key not in _DROPPED_KEYWORDS}
    if draft <= 7 and isinstance(keywords.get("$ref"), str):  # noqa: PLR2004 - until draft 7 nothing counts beside `$ref`
        keywords = {key: value for key, value in keywords.items() if key in _KEPT_BESIDE_REFERENCE}
    if draft == 4:  # noqa: PLR2004 - the only one that says so
        if "id" in keywords:
            keywords["$id"] = keywords.pop("id")
        _move_exclusive_bound(keywords, "exclusiveMinimum", "minimum")
        _move_exclusive_bound(keywords, "exclusiveMaximum", "maximum")
    if is_list(keywords.get("items")):
        keywords["prefixItems"] = keywords.pop("items")
        if "additionalItems" in keywords:
            keywords["items"] = keywords.pop("additionalItems")
    if isinstance(keywords.get("dependencies"), Mapping):
        _split_dependencies(keywords, keywords.pop("dependencies"))
    return keywords


def _move_exclusive_bound(keywords: Json, exclusive: str, inclusive: str) -> None:
    """`minimum: 1, exclusiveMinimum: true` becomes `exclusiveMinimum: 1`."""
    if keywords.pop(exclusive, None) is True and inclusive in keywords:
        keywords[exclusive] = keywords.pop(inclusive)


def _split_dependencies(keywords: Json, dependencies: Mapping[str, Any]) -> None:
    """Split `dependencies` into `dependentRequired` (names) and `dependentSchemas`."""
    for key, dependency in dependencies.items():
        keyword = "dependentRequired" if is_list(dependency) else "dependentSchemas"
        keywords[keyword] = {**keywords.get(keyword, {}), key: dependency}


def translate_pointer(schema: Any, place: Pointer) -> Pointer:
    """Translate a pointer into the original schema to one into the translated schema."""
    translated: list[str] = []
    for index, part in enumerate(place):
        _, holder = find_value(schema, place[:index])
        by_name = index > 0 and place[index - 1] in SCHEMA_MAP_KEYWORDS
        translated.append(part if by_name or not isinstance(holder, Mapping) else _latest_keyword(holder, part))
    return tuple(translated)


def _latest_keyword(schema: Mapping[str, Any], keyword: str) -> str:
    if is_list(schema.get("items")):
        keyword = {"items": "prefixItems", "additionalItems": "items"}.get(keyword, keyword)
    return "dependentSchemas" if keyword == "dependencies" else keyword


def map_schemas(key: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to each schema in a keyword's value; data stays as it is."""
    if key in DATA_KEYWORDS:
        return to_json_data(value)
    if key in SCHEMA_MAP_KEYWORDS and isinstance(value, Mapping):
        return {str(name): change(one) for name, one in value.items()}
    if isinstance(value, Mapping):
        return change(value)
    return [map_schemas(key, one, change) for one in value] if is_list(value) else to_json_data(value)


def to_json_data(value: Any) -> Any:
    """Data that JSON can carry: an integer beyond 64 bits becomes a float."""
    if isinstance(value, Mapping):
        return {str(key): to_json_data(member) for key, member in value.items()}
    if is_list(value):
        return [to_json_data(member) for member in value]
    if isinstance(value, int) and not isinstance(value, bool) and not _MIN_INTEGER <= value < _MAX_INTEGER:
        return float(value)
    return value
