"""Makes payloads that an input schema allows, from the schema alone. Pure and deterministic."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ductile.plugin.errors import BadSchema
from ductile.plugin.json_schema import compile_validator

Schema = Mapping[str, Any]

FORMAT_SAMPLES: Mapping[str, str] = {
    "date-time": "2030-01-31T09:00:00Z",
    "date": "2030-01-31",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uri-reference": "https://example.org/",
    "uuid": "0190c1a2-7b3c-7def-8a1b-2c3d4e5f6a7b",
    "regex": "a+",
    "json-pointer": "/a",
}
_PATTERN_SAMPLES = (
    "text",
    "a",
    "A",
    "1",
    "1.0.0",
    "a-b",
    "abc@example.org",
    "https://example.org/",
    "0" * 32,
    "2030-01-31",
    "",
)
"""Texts that a `pattern` is tried with."""
_MAX_LEVELS = 12
"""A schema may refer to itself without end."""
_MAX_LENGTH = 100_000
"""Characters or items up to which a minimum is satisfied."""
_MAX_TRIES = 64
"""Values that are tried for one part of a schema."""


def sample_payloads(schema: Schema) -> Iterator[dict[str, Any]]:
    """Objects that are valid, the fullest first."""
    validator = compile_validator(schema)
    for all_members in (True, False):
        for value in _ValueMaker(schema, all_members=all_members).values(schema, 0):
            if isinstance(value, dict) and not validator(value):
                yield value
                break


class _ValueMaker:
    """Makes values of the parts of one schema; `whole` with members that need not be there."""

    def __init__(self, root: Schema, *, all_members: bool) -> None:
        self._root = root
        self._all_members = all_members

    def first_valid(self, schema: Any, level: int) -> Any:
        """A value that is valid, else one that may be."""
        candidates: list[Any] = []
        for value in self.values(schema, level):
            if _is_valid(schema, self._root, value):
                return value
            candidates.append(value)
            if len(candidates) == _MAX_TRIES:
                break
        return candidates[0] if candidates else None

    def values(self, schema: Any, level: int) -> Iterator[Any]:
        """Values that are likely valid, the likeliest first."""
        if not isinstance(schema, Mapping) or level > _MAX_LEVELS:
            if schema is True:
                yield "text"
            return
        yield from _declared_values(schema)
        if isinstance(schema.get("$ref"), str):
            target = _resolve(schema["$ref"], self._root)
            yield from self.values({**target, **_without(schema, "$ref")} if target else {}, level + 1)
            return
        for key in ("oneOf", "anyOf"):
            for part in _as_list(schema.get(key)):
                yield from self.values(_merge(_without(schema, key), part), level + 1)
        parts = _as_list(schema.get("allOf"))
        if parts:
            all_members = _without(schema, "allOf")
            for part in parts:
                all_members = _merge(all_members, self._follow(part))
            yield from self.values(all_members, level + 1)
            return
        for kind in _types(schema):
            yield from self._values_of_type(kind, schema, level)

    def _follow(self, schema: Any) -> Any:
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        return _resolve(reference, self._root) if isinstance(reference, str) else schema

    def _values_of_type(self, kind: str, schema: Schema, level: int) -> Iterator[Any]:
        if kind == "object":
            yield self._object(schema, level)
        elif kind == "array":
            yield self._array(schema, level)
        elif kind == "string":
            yield from _string_values(schema)
        elif kind in ("integer", "number"):
            yield from _number_values(schema)
        elif kind == "boolean":
            yield from (True, False)
        else:
            yield None

    def _object(self, schema: Schema, level: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = [name for name in _as_list(schema.get("required")) if isinstance(name, str)]
        names = list(dict.fromkeys([*required, *(properties if self._all_members else ())]))
        other = schema.get("additionalProperties", True)
        return {
            name: self.first_valid(properties.get(name, other), level + 1)
            for name in names
            if name in required or properties.get(name) is not False
        }

    def _array(self, schema: Schema, level: int) -> list[Any]:
        fixed = [self.first_valid(one, level + 1) for one in _as_list(schema.get("prefixItems"))]
        least, most = schema.get("minItems", 1), schema.get("maxItems", _MAX_LENGTH)
        count = int(min(max(least, 1), most, _MAX_LENGTH))
        items = schema.get("items", True)
        if schema.get("uniqueItems") is True and count > len(fixed):
            return [*fixed, *self._unique(items, count - len(fixed), level)]
        return [*fixed, *([self.first_valid(items, level + 1)] * (count - len(fixed)))][: int(most)]

    def _unique(self, items: Any, count: int, level: int) -> list[Any]:
        items_found: list[Any] = []
        for index in range(count * 4):
            for value in self.values(items, level + 1):
                other = f"{value} {index}" if isinstance(value, str) and index and value in items_found else value
                if other not in items_found and _is_valid(items, self._root, other):
                    items_found.append(other)
                    break
            if len(items_found) == count:
                break
        return items_found


def _declared_values(schema: Schema) -> Iterator[Any]:
    """The values that the schema itself names."""
    if "const" in schema:
        yield schema["const"]
    yield from _as_list(schema.get("examples"))
    if "default" in schema and schema["default"] is not None:
        yield schema["default"]
    yield from _as_list(schema.get("enum"))


def _types(schema: Schema) -> Sequence[str]:
    """The types of the schema; null last."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return (kinds,)
    if isinstance(kinds, list):
        return sorted((str(kind) for kind in kinds), key=lambda kind: kind == "null")
    if {"properties", "required", "additionalProperties", "minProperties"} & schema.keys():
        return ("object",)
    if {"items", "prefixItems", "minItems"} & schema.keys():
        return ("array",)
    if {"minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"} & schema.keys():
        return ("number",)
    return ("string", "object")


def _string_values(schema: Schema) -> Iterator[str]:
    sample = FORMAT_SAMPLES.get(str(schema.get("format")))
    if sample is not None:
        yield sample
    least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", _MAX_LENGTH))
    for text in _PATTERN_SAMPLES:
        yield (text * (1 + min(least, _MAX_LENGTH) // max(len(text), 1)))[: max(least, len(text))][:most]


def _number_values(schema: Schema) -> Iterator[int | float]:
    step = schema.get("multipleOf", 1)
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if step == 1:
        yield 1
    for bound in (least, above):
        if bound is not None:
            first_valid = math.ceil(bound / step) * step
            yield from (first_valid, first_valid + step, bound)
    for bound in (most, below):
        if bound is not None:
            last = math.floor(bound / step) * step
            yield from (last, last - step, bound)
    yield from (step, 0)
    low, high = (least if least is not None else above), (most if most is not None else below)
    if low is not None and high is not None:
        yield (low + high) / 2


def _is_valid(schema: Any, root: Schema, value: Any) -> bool:
    if not isinstance(schema, Mapping):
        return schema is not False
    shared = {key: root[key] for key in ("$defs", "definitions") if key in root}
    try:
        return not compile_validator({**schema, **shared})(value)
    except BadSchema:  # it refers to another part of the whole, against which the payload is checked in the end
        return True


def _resolve(reference: str, root: Schema) -> Schema:
    target: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, Mapping) else None
    return target if isinstance(target, Mapping) and reference.startswith("#") else {}


def _merge(one: Schema, other: Any) -> Schema:
    """Both schemas in one: the keywords of both, with the properties and required names of both."""
    if not isinstance(other, Mapping):
        return one
    joined: dict[str, Any] = {**one, **other}
    if isinstance(one.get("properties"), Mapping) and isinstance(other.get("properties"), Mapping):
        joined["properties"] = {**one["properties"], **other["properties"]}
    if one.get("required") and other.get("required"):
        joined["required"] = [*_as_list(one["required"]), *_as_list(other["required"])]
    return joined


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
