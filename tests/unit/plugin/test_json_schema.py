from typing import Any

import pytest

from ductile.plugin.errors import BadSchema
from ductile.plugin.json_schema import MAX_ERRORS, compile_validator, expand_schema


def test_the_compact_form_is_an_object_of_typed_properties_that_are_not_required() -> None:
    assert expand_schema({"message": "string", "n": "integer"}) == {
        "type": "object",
        "properties": {"message": {"type": "string"}, "n": {"type": "integer"}},
    }


@pytest.mark.parametrize("name", ["description", "title", "format", "required", "items", "pattern"])
def test_a_field_may_be_named_as_a_keyword_is(name: str) -> None:
    assert expand_schema({name: "string"})["properties"] == {name: {"type": "string"}}


def test_a_field_may_have_several_types_or_a_schema() -> None:
    expanded = expand_schema({"a": ["string", "null"], "b": {"minimum": 1}, "c": "object", "d": None})
    assert expanded["properties"]["a"] == {"type": ["string", "null"]}
    assert expanded["properties"]["b"] == {"minimum": 1}
    assert expanded["properties"]["d"] == {"type": "null"}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"properties": {"a": {"type": "string"}}},
        {"oneOf": [{"required": ["a"]}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {}}},
    ],
)
def test_a_full_schema_stays_as_it_is(schema: dict[str, Any]) -> None:
    assert expand_schema(schema) is schema


def test_an_unknown_type_in_the_compact_form_says_what_was_meant() -> None:
    with pytest.raises(BadSchema, match="`strng` is no type; did you mean `string`") as caught:
        expand_schema({"a": "strng"})
    assert caught.value.at == ("a",)


def test_a_valid_payload_has_no_errors() -> None:
    assert compile_validator(expand_schema({"a": "string"}))({"a": "x", "more": 1}) == ()


def test_an_empty_schema_takes_anything() -> None:
    assert compile_validator({})({"a": [1]}) == ()


def test_errors_point_into_payload_and_schema() -> None:
    check = compile_validator({"properties": {"a/b~": {"items": {"type": "string"}}}, "required": ["z"]})
    found = sorted(check({"a/b~": ["x", 1]}), key=lambda invalid: invalid.path)
    assert [(invalid.path, invalid.schema_path) for invalid in found] == [
        ("", "/required"),
        ("/a~1b~0/1", "/properties/a~1b~0/items/type"),
    ]
    assert '"z" is a required property' in found[0].message


def test_errors_are_bounded_in_number_and_length() -> None:
    check = compile_validator({"items": {"type": "integer"}})
    found = check(["x" * 10_000] * 100)
    assert len(found) == MAX_ERRORS
    assert max(len(invalid.message) for invalid in found) <= 301


@pytest.mark.parametrize(
    ("schema", "reason", "at"),
    [
        ({"type": "strin"}, "`strin` is no type; did you mean `string`", ("type",)),
        (
            {"type": "object", "properties": {"a": {"type": "objekt"}}},
            "did you mean `object`",
            ("properties", "a", "type"),
        ),
        ({"required": "a"}, "is not of type", ("required",)),
        ({"pattern": "("}, "regex", ("pattern",)),
        ({"$ref": "#/nowhere"}, "/nowhere", ()),
        ({"$schema": "http://example.invalid/x"}, "meta-schema", ()),
    ],
)
def test_a_bad_schema_is_refused_with_its_place(schema: dict[str, Any], reason: str, at: tuple[str, ...]) -> None:
    with pytest.raises(BadSchema) as caught:
        compile_validator(schema)
    assert reason in caught.value.message
    assert caught.value.at == at


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9/x", "https://example.invalid/x", "file:///etc/passwd", "other.json"]
)
def test_a_reference_to_another_document_is_never_followed(uri: str) -> None:
    with pytest.raises(BadSchema, match="is not followed; put what it needs under"):
        compile_validator({"properties": {"a": {"$ref": uri}}})


def test_references_inside_the_schema_work() -> None:
    check = compile_validator(
        {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}}
    )
    assert check({"n": {"n": {}}}) == ()
    assert [invalid.path for invalid in check({"n": {"n": 1}})] == ["/n/n"]


def test_a_pattern_that_backtracks_forever_elsewhere_ends_here() -> None:
    check = compile_validator({"type": "string", "pattern": "^(a+)+$"})
    assert check("a" * 5_000 + "b")


def test_the_same_schema_is_compiled_once_whoever_has_it() -> None:
    def schema() -> dict[str, object]:
        return {"type": "object", "properties": {"n": {"const": 1}}}

    assert compile_validator(schema()) is compile_validator(schema())
    assert compile_validator({"const": True}) is not compile_validator({"const": 1})


def test_alternatives_are_told_with_what_keeps_the_value_from_each() -> None:
    text = {"type": "string"}
    named = {"type": "object", "required": ["name"], "properties": {"name": text}}
    either = compile_validator({"type": "object", "properties": {"who": {"anyOf": [text, named]}}})
    one = compile_validator({"type": "object", "properties": {"who": {"oneOf": [text, {"anyOf": [named, text]}]}}})
    assert either({"who": "Ada"}) == either({"who": {"name": "Ada"}}) == ()
    assert [invalid.message for invalid in either({"who": {"name": 5}})] == [
        'none of the alternatives of `anyOf` fits: {"name":5} is not of type "string"; /name: 5 is not of type "string"'
    ]
    (invalid,) = one({"who": 5})
    outer, inner = invalid.message.split("; none of the alternatives of `anyOf` fits: ")
    assert outer == 'none of the alternatives of `oneOf` fits: 5 is not of type "string"'
    assert inner == '5 is not of type "object"; 5 is not of type "string"'
    assert invalid.path == "/who"


def test_a_payload_that_is_nested_too_deeply_to_be_checked_is_invalid() -> None:
    payload: Any = "x"
    for _ in range(900):
        payload = [payload]
    (invalid,) = compile_validator({"type": "object", "additionalProperties": {"type": "string"}})({"deep": payload})
    assert (invalid.path, "nested too deeply" in invalid.message) == ("", True)


def test_a_schema_that_multiplies_is_not_asked_where_a_deep_payload_is_wrong() -> None:
    of = {"type": "array", "items": {"$ref": "#/$defs/node"}}
    kinds = [{"type": "object", "properties": {"op": {"const": op}, "of": of}} for op in ("and", "or")]
    check = compile_validator({"$ref": "#/$defs/node", "$defs": {"node": {"oneOf": kinds}}})

    def nested(op: str, levels: int) -> dict[str, Any]:
        node: dict[str, Any] = {"op": op}
        for _ in range(levels):
            node = {"op": "and", "of": [node]}
        return node

    assert check(nested("or", 60)) == ()
    (shallow,) = check(nested("no", 3))
    assert "none of the alternatives" in shallow.message
    (deep,) = check(nested("no", 60))  # 2 ** 60 alternatives
    assert (deep.path, "it does not fit" in deep.message) == ("", True)
