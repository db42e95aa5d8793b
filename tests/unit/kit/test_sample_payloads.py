"""Payloads are made of schemas, and are valid."""

from typing import Any

import jsonschema_rs
import pytest

from ductile.kit.sample_payloads import sample_payloads
from ductile.plugin.json_schema import expand_schema


def first_payload(**schema: Any) -> dict[str, Any]:
    first = next(sample_payloads(schema))
    assert jsonschema_rs.validator_for(schema).is_valid(first)
    return first


def test_all_members_are_there_if_that_is_valid_and_else_those_that_must_be() -> None:
    properties = {"a": {"type": "string"}, "b": {"type": "integer"}}
    assert first_payload(type="object", properties=properties, required=["a"]) == {"a": "text", "b": 1}
    assert first_payload(type="object", properties=properties, required=["a"], maxProperties=1) == {"a": "text"}


def test_examples_defaults_and_choices_are_taken() -> None:
    assert first_payload(
        type="object",
        properties={
            "a": {"type": "string", "examples": ["given"]},
            "b": {"default": 7},
            "c": {"enum": ["x", "y"]},
            "d": {"const": None},
        },
    ) == {"a": "given", "b": 7, "c": "x", "d": None}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 500},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date-time"},
        {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        {"type": "string", "pattern": "^https://"},
        {"type": ["null", "string"]},
        {"type": "integer", "minimum": 10, "maximum": 12, "multipleOf": 4},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
        {"type": "integer", "maximum": -3},
        {"type": "integer", "exclusiveMinimum": 5},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
        {"type": "array", "maxItems": 0},
        {"oneOf": [{"type": "string", "minLength": 3}, {"type": "integer"}]},
        {"anyOf": [{"type": "string", "pattern": "^impossible to guess$"}, {"type": "boolean"}]},
        {"allOf": [{"type": "object", "properties": {"x": {"type": "string"}}}, {"required": ["x"]}]},
        {"type": "object", "additionalProperties": {"type": "integer"}, "required": ["any"]},
        {"$ref": "#/$defs/leaf"},
        {"type": "object", "properties": {"next": {"$ref": "#/properties/value"}, "leaf": {"$ref": "#/$defs/leaf"}}},
        True,
        {},
    ],
)
def test_a_value_fits_its_schema(schema: Any) -> None:
    first_payload(
        type="object",
        properties={"value": schema},
        required=["value"],
        **{"$defs": {"leaf": {"type": "string", "minLength": 1}}},
    )


def test_the_compact_form_is_a_schema_too() -> None:
    assert next(sample_payloads(expand_schema({"message": "string", "n": ["integer", "null"]}))) == {
        "message": "text",
        "n": 1,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x{3}y{3}$"}}, "required": ["a"]},
        {"not": {}},
    ],
)
def test_what_cannot_be_made_is_not_made(schema: Any) -> None:
    assert list(sample_payloads(schema)) == []


def test_a_schema_of_itself_ends() -> None:
    schema = {
        "type": "object",
        "properties": {"child": {"$ref": "#"}, "name": {"type": "string"}},
        "required": ["name"],
    }
    assert first_payload(**schema)["name"] == "text"
