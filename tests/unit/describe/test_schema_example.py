from typing import Any

import pytest

from ductile.describe.components import is_valid
from ductile.describe.schema_example import example_value

SCHEMAS: list[Any] = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["b"]},
    {"type": "object", "properties": {name: {"type": "boolean"} for name in "abcdef"}},
    {"type": "string", "minLength": 10, "maxLength": 12},
    {"type": "string", "maxLength": 2},
    {"type": "string", "format": "date-time"},
    {"type": ["null", "integer"], "minimum": 7},
    {"type": "number", "exclusiveMinimum": 2.5},
    {"type": "integer", "maximum": -4},
    {"type": "integer", "multipleOf": 5},
    {"type": "array", "items": {"type": "string"}, "minItems": 3},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
    {"enum": ["x", "y"]},
    {"const": {"a": 1}},
    {"examples": ["first", "second"], "type": "string"},
    {"type": "string", "default": "d"},
    {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    {"allOf": [{"required": ["a"], "properties": {"a": {"type": "integer"}}}, {"required": ["b"]}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"type": "integer"}}}},
    {"type": "object", "properties": {"next": {"$ref": "#"}}},
    {},
    {"type": "null"},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_a_sample_is_valid_and_always_the_same(schema: Any) -> None:
    made = example_value(schema)
    assert is_valid(schema, made, {})
    assert made == example_value(schema)


@pytest.mark.parametrize(
    "schema",
    [
        *(True, None, "x", {"type": 5}, {"enum": 3}, {"required": "ab"}, {"properties": [1]}, {"type": [], "items": 4}),
        *({"$ref": "#/nowhere"}, {"$ref": "https://elsewhere"}, {"anyOf": [7]}, {"minItems": "x", "type": "array"}),
    ],
)
def test_what_is_no_schema_harms_nobody(schema: Any) -> None:
    example_value(schema)


def test_the_least_and_the_whole() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["a"]}
    assert example_value(schema) == {"a": 1}
    assert example_value(schema, all_members=True) == {"a": 1, "b": 2}


def test_members_are_known_by_their_names_where_their_type_fits() -> None:
    schema = {"type": "object", "properties": {"plugin": {"type": "string"}, "generation": {"type": "string"}}}
    assert example_value(schema) == {"plugin": "echo", "generation": "text"}
