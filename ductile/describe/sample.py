"""An example of a JSON Schema: what a call or an answer may look like. Pure, and the same every time."""

from collections.abc import Mapping, Sequence
from typing import Any

from ductile.describe.pointer import resolve

KNOWN: Mapping[str, Any] = {
    "job_id": "01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70",
    "root_job_id": "01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70",
    "event_id": "01979d6e-8c3b-7b02-b1c4-7a52f0d3e981",
    "request_id": "01979d6e-8c3a-7f15-8e60-2d9b4c7a1f33",
    "plugin": "echo",
    "command": "poll",
    "principal": "token:admin",
    "submitted_by": "api",
    "generation": 1,
    "config_hash": "5d41402abc4b2a76b9719d911017c592ae5d41402abc4b2a76b9719d911017c5",
    "version": "1.0.0",
    "code": 400,
}
"""Names that mean the same wherever they stand."""
FORMATS: Mapping[str, str] = {
    "date-time": "2030-01-31T09:00:00.000Z",
    "date": "2030-01-31",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uri-reference": "https://example.org/",
    "uuid": "01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70",
}
DEEPEST = 8
"""Levels; a schema may refer to itself for ever."""
FEW = 3
"""Optional members that are shown where nothing is required."""
MOST = 16
"""Items and characters that a minimum is followed to."""


def sample(schema: Any, root: Any = None, *, name: str = "", whole: bool = False, depth: int = 0) -> Any:
    """A value that is likely valid. `name` is the member it is for; `whole` makes the optional members too.

    `root` is what the schema's `$ref`s point into: itself, if nothing else is given.
    """
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return None
    root = schema if root is None else root
    told, value = said(schema, name)
    if told:
        return value
    if isinstance(schema.get("$ref"), str):
        return sample(resolve(schema["$ref"], root), root, name=name, whole=whole, depth=depth + 1)
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), Sequence) and schema[key]:
            return sample(schema[key][0], root, name=name, whole=whole, depth=depth + 1)
    parts = schema.get("allOf")
    if isinstance(parts, Sequence) and parts:
        return joined([{**schema, "allOf": None}, *parts], root, whole=whole, depth=depth + 1)
    return of_type(schema, root, whole=whole, depth=depth)


def said(schema: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Whether the schema itself says a value, or its name does; and the value."""
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), Sequence) and not isinstance(schema[key], str) and schema[key]:
            return True, schema[key][0]
    for key in ("const", "example", "default"):
        if key in schema:
            return True, schema[key]
    known = KNOWN.get(name)
    return (True, known) if known is not None and kind_of(schema) == kind_of_value(known) else (False, None)


def joined(parts: Sequence[Any], root: Any, *, whole: bool, depth: int) -> Any:
    """What all parts of an `allOf` ask for: the members of all of them, or the first value that is no object."""
    members: dict[str, Any] = {}
    for part in parts:
        value = sample(part, root, whole=whole, depth=depth)
        if isinstance(value, dict):
            members |= value
        elif value is not None:
            return value
    return members


def kind_of(schema: Mapping[str, Any]) -> str:
    """The type that an example is of; where several are possible the first one that is not null."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return kinds
    if isinstance(kinds, Sequence):
        return next((str(kind) for kind in kinds if kind != "null"), "null")
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else ""


def kind_of_value(value: Any) -> str:
    """The type of a known example."""
    return "integer" if isinstance(value, int) else "string"


def of_type(schema: Mapping[str, Any], root: Any, *, whole: bool, depth: int) -> Any:
    """A value of the schema's type, within its bounds."""
    kind = kind_of(schema)
    if kind == "object":
        return an_object(schema, root, whole=whole, depth=depth)
    if kind == "array":
        return an_array(schema, root, whole=whole, depth=depth)
    if kind == "string":
        return a_string(schema)
    if kind in ("integer", "number"):
        return a_number(schema)
    return True if kind == "boolean" else None


def an_object(schema: Mapping[str, Any], root: Any, *, whole: bool, depth: int) -> dict[str, Any]:
    """The required members; all where it is to be whole, the first few where nothing is required."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    wanted = [key for key in required if isinstance(key, str)] if isinstance(required, Sequence) else []
    if whole and depth < DEEPEST // 2:
        wanted = [*wanted, *(key for key in properties if key not in wanted)]
    elif not wanted and depth < DEEPEST - 1:
        wanted = list(properties)[:FEW]
    return {key: sample(properties.get(key, {}), root, name=key, whole=whole, depth=depth + 1) for key in wanted}


def an_array(schema: Mapping[str, Any], root: Any, *, whole: bool, depth: int) -> list[Any]:
    """One item, or as many as there must be."""
    first = schema.get("prefixItems")
    fixed = list(first) if isinstance(first, Sequence) else []
    least = schema.get("minItems")
    count = min(least if isinstance(least, int) else 1, MOST)
    items = [*fixed, *([schema.get("items")] * max(0, count - len(fixed)))]
    return [sample(item, root, whole=whole, depth=depth + 1) for item in items if isinstance(item, Mapping)]


def a_string(schema: Mapping[str, Any]) -> str:
    """A text of its format, or one that is long enough."""
    known = FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    least, most = schema.get("minLength"), schema.get("maxLength")
    text = "text".ljust(min(least, 4 * MOST) if isinstance(least, int) else 0, "x")
    return text[:most] if isinstance(most, int) else text


def a_number(schema: Mapping[str, Any]) -> int | float:
    """The least number there may be, else 1 or the most there may be."""
    least, above = number(schema.get("minimum")), number(schema.get("exclusiveMinimum"))
    most, step = number(schema.get("maximum")), number(schema.get("multipleOf"))
    if least is not None:
        return least
    if above is not None:
        return above + 1
    if step is not None:
        return step
    return 1 if most is None else min(1, most)


def number(value: Any) -> int | float | None:
    """The value, if it is a number of JSON; true and false are none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
