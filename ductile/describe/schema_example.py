"""Generates an example value of a JSON Schema. Pure and deterministic."""

from collections.abc import Mapping, Sequence
from typing import Any

from ductile.describe.json_pointer import resolve_reference

EXAMPLES_BY_NAME: Mapping[str, Any] = {
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
"""Examples of members that mean the same everywhere."""
EXAMPLES_BY_FORMAT: Mapping[str, str] = {
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
MAX_LEVELS = 8
"""The most levels of an example, since schemas may be circular."""
MAX_OPTIONAL_MEMBERS = 3
"""Optional members of an example where no member is required."""
MAX_ITEMS = 16
"""The most items of an example whose schema has a minimum."""


def example_value(schema: Any, root: Any = None, *, name: str = "", all_members: bool = False, depth: int = 0) -> Any:
    """A value that is likely valid. `name` is its member; `all_members` adds the optional members.

    `root` is the document that the schema's `$ref`s point into: the schema itself by default.
    """
    if not isinstance(schema, Mapping) or depth > MAX_LEVELS:
        return None
    root = schema if root is None else root
    is_given, value = given_value(schema, name)
    if is_given:
        return value
    if isinstance(schema.get("$ref"), str):
        return example_value(
            resolve_reference(schema["$ref"], root), root, name=name, all_members=all_members, depth=depth + 1
        )
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), Sequence) and schema[key]:
            return example_value(schema[key][0], root, name=name, all_members=all_members, depth=depth + 1)
    parts = schema.get("allOf")
    if isinstance(parts, Sequence) and parts:
        return merge_all_of([{**schema, "allOf": None}, *parts], root, all_members=all_members, depth=depth + 1)
    return typed_example(schema, root, all_members=all_members, depth=depth)


def given_value(schema: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Whether the schema or the member's name gives a value, and the value."""
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), Sequence) and not isinstance(schema[key], str) and schema[key]:
            return True, schema[key][0]
    for key in ("const", "example", "default"):
        if key in schema:
            return True, schema[key]
    example = EXAMPLES_BY_NAME.get(name)
    return (True, example) if example is not None and schema_type(schema) == value_type(example) else (False, None)


def merge_all_of(parts: Sequence[Any], root: Any, *, all_members: bool, depth: int) -> Any:
    """The example of an `allOf`: the members of all parts, or the first value that is not an object."""
    members: dict[str, Any] = {}
    for part in parts:
        value = example_value(part, root, all_members=all_members, depth=depth)
        if isinstance(value, dict):
            members |= value
        elif value is not None:
            return value
    return members


def schema_type(schema: Mapping[str, Any]) -> str:
    """The type of a schema's example: of several types the first one that is not null."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return kinds
    if isinstance(kinds, Sequence):
        return next((str(kind) for kind in kinds if kind != "null"), "null")
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else ""


def value_type(value: Any) -> str:
    """The type of an example by name."""
    return "integer" if isinstance(value, int) else "string"


def typed_example(schema: Mapping[str, Any], root: Any, *, all_members: bool, depth: int) -> Any:
    """An example of the schema's type, within its bounds."""
    kind = schema_type(schema)
    if kind == "object":
        return object_example(schema, root, all_members=all_members, depth=depth)
    if kind == "array":
        return array_example(schema, root, all_members=all_members, depth=depth)
    if kind == "string":
        return string_example(schema)
    if kind in ("integer", "number"):
        return number_example(schema)
    return True if kind == "boolean" else None


def object_example(schema: Mapping[str, Any], root: Any, *, all_members: bool, depth: int) -> dict[str, Any]:
    """The required members; all members on request, the first few where no member is required."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    members = [key for key in required if isinstance(key, str)] if isinstance(required, Sequence) else []
    if all_members and depth < MAX_LEVELS // 2:
        members = [*members, *(key for key in properties if key not in members)]
    elif not members and depth < MAX_LEVELS - 1:
        members = list(properties)[:MAX_OPTIONAL_MEMBERS]
    return {
        key: example_value(properties.get(key, {}), root, name=key, all_members=all_members, depth=depth + 1)
        for key in members
    }


def array_example(schema: Mapping[str, Any], root: Any, *, all_members: bool, depth: int) -> list[Any]:
    """One item, or the minimum number of items."""
    first = schema.get("prefixItems")
    fixed = list(first) if isinstance(first, Sequence) else []
    least = schema.get("minItems")
    count = min(least if isinstance(least, int) else 1, MAX_ITEMS)
    items = [*fixed, *([schema.get("items")] * max(0, count - len(fixed)))]
    return [
        example_value(item, root, all_members=all_members, depth=depth + 1)
        for item in items
        if isinstance(item, Mapping)
    ]


def string_example(schema: Mapping[str, Any]) -> str:
    """A text of the schema's format, or one of the minimum length."""
    example = EXAMPLES_BY_FORMAT.get(str(schema.get("format")))
    if example is not None:
        return example
    least, most = schema.get("minLength"), schema.get("maxLength")
    text = "text".ljust(min(least, 4 * MAX_ITEMS) if isinstance(least, int) else 0, "x")
    return text[:most] if isinstance(most, int) else text


def number_example(schema: Mapping[str, Any]) -> int | float:
    """The minimum, or 1, or the maximum where that is less."""
    least, above = as_number(schema.get("minimum")), as_number(schema.get("exclusiveMinimum"))
    most, step = as_number(schema.get("maximum")), as_number(schema.get("multipleOf"))
    if least is not None:
        return least
    if above is not None:
        return above + 1
    if step is not None:
        return step
    return 1 if most is None else min(1, most)


def as_number(value: Any) -> int | float | None:
    """The value, if it is a JSON number; true and false are not."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
