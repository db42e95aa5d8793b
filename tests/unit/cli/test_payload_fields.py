"""An input schema as options, and their words as JSON."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.cli.core.errors import UsageError
from ductile.cli.core.json_args import ValueType, format_value, parse_value
from ductile.cli.core.payload_fields import Field, build_payload, read_fields

ANY = ("null", "boolean", "integer", "number", "object", "array", "string")


def schema(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def field(one: Any, name: str = "x") -> Field:
    (found,) = read_fields(schema(**{name: one}))
    return found


@pytest.mark.parametrize(
    ("types", "text", "value"),
    [
        ("string", "5", "5"),
        ("string", "", ""),
        ("string", "@me", "@me"),
        ("integer", "-7", -7),
        ("integer", "+7", 7),
        ("integer", "18446744073709551615", 2**64 - 1),
        ("number", "7", 7),
        ("number", "7.5", 7.5),
        ("number", ".5e-3", 0.0005),
        ("object", '{"a": 1}', {"a": 1}),
        ("array", "[1]", [1]),
        ("null", "null", None),
        ("integer string", "7", 7),
        ("integer string", "7a", "7a"),
        ("integer string", "18446744073709551616", "18446744073709551616"),
        ("null string", "null", None),
        ("object string", "{", "{"),
        ("object string", "@a", "@a"),
        ("", "true", True),
        ("", "text", "text"),
        ("", "[1, 2]", [1, 2]),
    ],
)
def test_a_word_is_of_the_first_type_that_it_can_be(types: str, text: str, value: Any) -> None:
    found = parse_value(text, ValueType(types=tuple(types.split())), "--x")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("types", "text", "said"),
    [
        ("integer", "7.0", "--x takes a whole number, not '7.0'"),
        ("integer", "seven", "a whole number"),
        ("integer", "٣", "a whole number"),
        ("integer", "18446744073709551616", "64 bits"),
        ("integer", "9" * 5000, "a whole number"),
        ("number", "nan", "a number"),
        ("number", "1e999", "a number"),
        ("number", "1_0", "a number"),
        ("boolean", "yes", "true or false"),
        ("object", "{", "is not JSON"),
        ("object", "[]", "a JSON object or @file"),
        ("object", "@/no/such", "cannot be read: No such file"),
        ("integer null", "x", "null or a whole number"),
    ],
)
def test_a_word_of_no_type_is_refused_with_what_is_wanted(types: str, text: str, said: str) -> None:
    order = tuple(one for one in ANY if one in types.split())
    with pytest.raises(UsageError) as refused:
        parse_value(text, ValueType(types=order), "--x")
    assert said in refused.value.message
    assert len(refused.value.message) < 200


def test_an_object_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"a": [1]}')
    assert parse_value(f"@{tmp_path}/o.json", ValueType(types=("object",)), "--x") == {"a": [1]}


def test_a_choice_is_the_value_and_not_its_word() -> None:
    kind = field({"enum": ["red", 3, None, True]}).kind
    assert [parse_value(text, kind, "--x") for text in ("red", "3", "null", "true")] == ["red", 3, None, True]
    with pytest.raises(UsageError, match="one of red, 3, null, true, not 'blue'"):
        parse_value("blue", kind, "--x")


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(), st.lists, max_leaves=5))
def test_a_value_that_is_written_is_read_back(value: Any) -> None:
    name = {"NoneType": "null", "bool": "boolean", "int": "integer", "str": "string", "list": "array"}
    kind = ValueType(types=(name[type(value).__name__],))
    assert parse_value(format_value(value), kind, "--x") == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "array", "#", "#/x", "#/properties/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "anyOf", "allOf", "$ref", "enum", "required", "a", "-b"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["properties", "anyOf", "$ref", "required"]), json_values))
def test_no_schema_breaks_it(whole: dict[str, Any]) -> None:
    for one in read_fields(whole):
        assert isinstance(one.metavar, str)


@pytest.mark.parametrize(
    ("one", "flags", "metavar", "repeatable"),
    [
        ({"type": "string"}, ("--x",), "TEXT", False),
        ({"type": "integer"}, ("--x",), "INTEGER", False),
        ({"type": ["integer", "null"]}, ("--x",), "INTEGER", False),
        ({"type": ["number", "string"]}, ("--x",), "NUMBER|TEXT", False),
        ({"type": "boolean"}, ("--x", "--no-x"), "JSON", False),
        ({"type": ["boolean", "null"]}, ("--x", "--no-x"), "JSON", False),
        ({"type": "boolean", "enum": [True]}, ("--x",), "true", False),
        ({"type": "array", "items": {"type": "integer"}}, ("--x",), "INTEGER", True),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, ("--x",), "a|b", True),
        ({"type": "array"}, ("--x",), "JSON", True),
        ({"items": {"type": "boolean"}}, ("--x",), "JSON", True),
        ({"type": "object"}, ("--x",), "JSON|@FILE", False),
        ({"properties": {}}, ("--x",), "JSON|@FILE", False),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, ("--x",), "INTEGER", False),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, ("--x",), "INTEGER", False),
        ({"anyOf": [{"type": "integer"}, {}]}, ("--x",), "JSON", False),
        (True, ("--x",), "JSON", False),
        ({"const": "fixed"}, ("--x",), "fixed", False),
    ],
)
def test_a_property_becomes_an_option(one: Any, flags: tuple[str, ...], metavar: str, repeatable: bool) -> None:  # noqa: FBT001 - a row
    found = field(one)
    assert (found.flags, found.metavar, found.repeatable) == (flags, metavar, repeatable)


def test_references_into_the_schema_are_followed_and_loops_end() -> None:
    whole = {
        "$ref": "#/$defs/all",
        "$defs": {
            "all": {
                "properties": {"n": {"$ref": "#/$defs/n~1m", "description": "Own."}, "loop": {"$ref": "#/$defs/l"}}
            },
            "n/m": {"type": "integer", "description": "Theirs."},
            "l": {"$ref": "#/$defs/l"},
        },
    }
    number, loop = read_fields(whole)
    assert (number.kind.types, number.help, loop.kind.types) == (("integer",), "Own.", ())


def test_branches_add_fields_and_alternatives_require_none() -> None:
    whole = {
        "allOf": [schema("a", a={"type": "string"})],
        "oneOf": [schema("b", b={"type": "string"}), schema("c", c={"type": "string"})],
    }
    assert [(one.name, one.required) for one in read_fields(whole)] == [("a", True), ("b", False), ("c", False)]


def test_a_schema_that_branches_into_itself_comes_to_an_end() -> None:
    whole = {"properties": {"a": {}}, "anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}
    assert [one.name for one in read_fields(whole)] == ["a"]


@pytest.mark.parametrize("name", ["with space", "a=b", "-dash", "", "a/b", "a\nb"])
def test_a_name_that_is_no_flag_goes_by_payload(name: str) -> None:
    assert field({"type": "string"}, name).flags == ()


def test_names_that_would_be_one_flag_leave_it_to_the_first() -> None:
    found = read_fields(schema(a_b={"type": "string"}, **{"a-b": {}, "no-x": {}, "x": {"type": "boolean"}}))
    assert [one.flags for one in found] == [("--a-b",), (), ("--no-x",), ("--x",)]


def test_the_help_says_what_the_schema_does() -> None:
    found = read_fields(
        schema(
            "n",
            n={"type": "integer", "description": "How\n  many.", "default": 3, "minimum": 1, "maximum": 9},
            s={"title": "Name", "format": "email"},
            t={"type": "array", "items": {"type": "string"}},
        )
    )
    assert [one.help for one in found] == [
        "How many.  [required; default: 3; at least 1; at most 9]",
        "Name  [email]",
        "[may be repeated]",
    ]


def test_fields_go_over_the_payload_and_what_is_missing_is_told_at_once() -> None:
    fields = read_fields(schema("a", "b", a={"type": "integer"}, b={"type": "string"}, c={"type": "array"}, d={}))
    assert build_payload(fields, {"a": "1", "c": ["1", "x"], "d": True}, {"a": 9, "b": "kept", "z": 0}) == {
        "a": 1,
        "b": "kept",
        "z": 0,
        "c": [1, "x"],
        "d": True,
    }
    with pytest.raises(UsageError, match="missing options --a, --b"):
        build_payload(fields, {}, {})
    with pytest.raises(UsageError, match="missing option --b "):
        build_payload(fields, {"a": "1"}, {})


def test_nothing_is_known_of_a_command_without_a_schema() -> None:
    assert (read_fields(None), read_fields({}), build_payload((), {}, {"a": 1})) == ((), (), {"a": 1})


def test_what_is_read_can_be_sent() -> None:
    orjson.dumps(build_payload(read_fields(schema(n={"type": "number"})), {"n": "1e308"}, {}))
