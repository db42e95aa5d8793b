"""Conditions: what each operator says of each kind of value, and what is refused at load."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.flow.condition import MAX_LEVELS, MAX_PREDICATES, PIPELINE_ROOTS, Scope, check_condition, evaluate
from ductile.flow.errors import ConditionError

PAYLOAD = {
    "status": "Error",
    "n": 3,
    "f": 2.5,
    "yes": True,
    "none": None,
    "items": [{"name": "a"}, {"name": "b"}],
    "o": {"x": 1},
    "app.io/name": "web",
    "text": "line one\nline two",
}


def condition_holds(path: Any, op: Any, *value: Any) -> Any:
    condition = {"path": path, "op": op} | ({"value": value[0]} if value else {})
    assert check_condition(condition) == ()
    scope = Scope(payload=PAYLOAD, context={"c": {"d": 1}}, config={"limit": 5})
    return evaluate(condition, scope).holds


@pytest.mark.parametrize(
    ("path", "op", "value", "expected"),
    [
        ("payload.status", "eq", "Error", True),
        ("payload.status", "eq", "error", False),
        ("payload.status", "neq", "x", True),
        ('payload["app.io/name"]', "eq", "web", True),
        ('payload["app.io/no"]', "exists", False, True),
        ('payload.items[1]["name"]', "eq", "b", True),
        ("payload.n", "eq", 3, True),
        ("payload.n", "eq", 3.0, True),
        ("payload.n", "eq", "3", False),
        ("payload.yes", "eq", 1, False),
        ("payload.yes", "eq", True, True),
        ("payload.o", "eq", {"x": 1.0}, True),
        ("payload.o", "eq", {"x": True}, False),
        ("payload.none", "eq", None, True),
        ("payload.gone", "eq", None, True),
        ("payload.gone", "neq", None, False),
        ("payload.gone", "neq", "x", True),
        ("payload.gone.deeper", "eq", "x", False),
        ("payload.n", "in", [1, 2, 3], True),
        ("payload.yes", "in", [1], False),
        ("payload.gone", "in", [None], True),
        ("payload.gone", "in", ["x"], False),
        ("payload.n", "gt", 2, True),
        ("payload.n", "gt", 3, False),
        ("payload.n", "gte", 3.0, True),
        ("payload.f", "lt", 3, True),
        ("payload.n", "lte", 2, False),
        ("payload.gone", "gt", 0, False),
        ("payload.none", "lte", 0, False),
        ("payload.status", "contains", "RRO", True),
        ("payload.status", "startswith", "err", True),
        ("payload.status", "endswith", "OR", True),
        ("payload.status", "endswith", "err", False),
        ("payload.gone", "contains", "", False),
        ("payload.status", "regex", "E.*r", True),
        ("payload.status", "regex", "Err", False),
        ("payload.status", "regex", "(?i)error", True),
        ("payload.text", "regex", "line one.*", False),
        ("payload.text", "regex", "(?s)line one.*", True),
        ("payload.gone", "regex", ".*", False),
        ("payload.items.1.name", "eq", "b", True),
        ("payload.items.2.name", "eq", None, True),
        ("payload.items.-1.name", "eq", None, True),
        ("context.c.d", "eq", 1, True),
        ("config.limit", "gte", 5, True),
    ],
)
def test_an_operator_decides(path: Any, op: Any, value: Any, expected: Any) -> None:
    assert condition_holds(path, op, value) is expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("payload.n", (), True),
        ("payload.none", (), True),
        ("payload.gone", (), False),
        ("payload.n", (False,), False),
        ("payload.gone", (False,), True),
        ("payload.gone", (True,), False),
    ],
)
def test_exists_asks_for_presence_and_value_false_for_absence(path: Any, value: Any, expected: Any) -> None:
    assert condition_holds(path, "exists", *value) is expected


def test_letters_fold_beyond_ascii() -> None:
    scope = Scope(payload={"street": "HAUPTSTRASSE"})
    assert evaluate({"path": "payload.street", "op": "endswith", "value": "straße"}, scope).holds


@pytest.mark.parametrize(
    ("path", "op", "value", "found"),
    [
        ("payload.status", "gt", 1, "text"),
        ("payload.yes", "gte", 0, "true or false"),
        ("payload.n", "contains", "3", "a number"),
        ("payload.status", "contains", 3, "text"),
        ("payload.o", "regex", ".*", "a mapping"),
    ],
)
def test_a_number_or_text_operator_on_another_type_is_an_error_that_tells_no_values(
    path: Any, op: Any, value: Any, found: Any
) -> None:
    with pytest.raises(ConditionError) as caught:
        condition_holds(path, op, value)
    assert caught.value.details["found"] == found
    assert path in caught.value.message


def predicate(path: Any, value: Any) -> Any:
    return {"path": f"payload.{path}", "op": "eq", "value": value}


@pytest.mark.parametrize(
    ("condition", "expected", "looked"),
    [
        ({"all": [predicate("a", 1), predicate("b", 2)]}, True, {"payload.a": 1, "payload.b": 2}),
        ({"all": [predicate("a", 0), predicate("b", 2)]}, False, {"payload.a": 1}),
        ({"any": [predicate("a", 1), predicate("b", 2)]}, True, {"payload.a": 1}),
        ({"any": [predicate("a", 0), predicate("z", 2)]}, False, {"payload.a": 1, "payload.z": None}),
        ({"not": predicate("a", 1)}, False, {"payload.a": 1}),
        ({"all": [{"any": [{"not": predicate("a", 0)}]}]}, True, {"payload.a": 1}),
    ],
)
def test_groups_look_no_further_than_needed_and_tell_what_they_saw(condition: Any, expected: Any, looked: Any) -> None:
    assert check_condition(condition) == ()
    verdict = evaluate(condition, Scope(payload={"a": 1, "b": 2}))
    assert verdict.holds is expected
    assert verdict.values == looked


def test_values_of_the_configuration_are_not_told() -> None:
    verdict = evaluate({"path": "config.token", "op": "eq", "value": "x"}, Scope(payload={}, config={"token": "x"}))
    assert verdict.holds
    assert verdict.values == {}


BAD = [
    ("x", (), "must be a mapping"),
    ({"op": "exists"}, (), "needs `path`"),
    ({"path": "payload.a"}, (), "needs `op`"),
    ({"path": "payload.a", "op": "eq"}, (), "needs a `value`"),
    ({"path": "payload.a", "op": "equals", "value": 1}, ("op",), "no operator"),
    ({"path": "payload.a", "op": ["eq"], "value": 1}, ("op",), "no operator"),
    ({"path": "payload.a", "op": "startwith", "value": "x"}, ("op",), "did you mean `startswith`"),
    ({"pth": "payload.a", "op": "exists"}, ("pth",), "did you mean `path`"),
    ({"path": "status", "op": "exists"}, ("path",), "must begin with"),
    ({"path": "paylod.a", "op": "exists"}, ("path",), "did you mean `payload`"),
    ({"path": "payload..a", "op": "exists"}, ("path",), "a name must stand"),
    ({"path": 3, "op": "exists"}, ("path",), "must be a path"),
    ({"path": "payload.a", "op": "in", "value": "x"}, ("value",), "needs a list"),
    ({"path": "payload.a", "op": "gt", "value": "3"}, ("value",), "needs a number"),
    ({"path": "payload.a", "op": "gt", "value": True}, ("value",), "needs a number"),
    ({"path": "payload.a", "op": "startswith", "value": 3}, ("value",), "needs text"),
    ({"path": "payload.a", "op": "regex", "value": "("}, ("value",), "no regular expression"),
    ({"path": "payload.a", "op": "regex", "value": r"(a)\1"}, ("value",), "no regular expression"),
    ({"path": "payload.a", "op": "exists", "value": "yes"}, ("value",), "`exists` takes"),
    ({"path": "payload.a", "op": "eq", "value": 2**70}, ("value",), "no integer this large"),
    ({"path": "payload.a", "op": "eq", "value": [float("nan")]}, ("value", 0), "no such number"),
    ({"all": []}, ("all",), "at least one"),
    ({"any": {"path": "payload.a", "op": "exists"}}, ("any",), "a list"),
    ({"all": [{"path": "payload.a", "op": "exists"}], "op": "eq"}, (), "one of"),
    ({"not": "x"}, ("not",), "must be a mapping"),
    ({"all": [{"any": [{"path": "x.y", "op": "exists"}]}]}, ("all", 0, "any", 0, "path"), "must begin with"),
]


@pytest.mark.parametrize(("condition", "path", "words"), BAD)
def test_a_bad_condition_is_one_located_problem(condition: Any, path: Any, words: Any) -> None:
    (problem,) = check_condition(condition, at=("if",))
    assert problem.path == ("if", *path)
    assert words in problem.message


def test_every_mistake_of_a_condition_is_reported() -> None:
    problems = check_condition({"all": [{"path": "x", "op": "nope"}, {"pth": "payload.a"}]})
    assert [problem.path for problem in problems] == [
        ("all", 0, "path"),
        ("all", 0, "op"),
        ("all", 1, "pth"),
    ]


def test_a_pipelines_condition_sees_payload_and_context_only() -> None:
    (problem,) = check_condition({"path": "config.a", "op": "exists"}, PIPELINE_ROOTS)
    assert problem.path == ("path",)


def nested_condition(levels: Any) -> Any:
    condition = predicate("a", 1)
    for _ in range(levels - 1):
        condition = {"not": condition}
    return condition


def test_levels_and_predicates_are_bounded() -> None:
    assert check_condition(nested_condition(MAX_LEVELS)) == ()
    (problem,) = check_condition(nested_condition(MAX_LEVELS + 1))
    assert "levels" in problem.message
    assert check_condition({"all": [predicate("a", 1)] * MAX_PREDICATES}) == ()
    (problem,) = check_condition({"all": [predicate("a", 1)] * (MAX_PREDICATES + 1)})
    assert "101" in problem.message


def test_a_condition_nested_without_end_is_refused_without_recursion() -> None:
    assert len(check_condition(nested_condition(5000))) == 1


def test_a_regular_expression_takes_linear_time() -> None:
    scope = Scope(payload={"a": "a" * 100_000 + "!"})
    assert not evaluate({"path": "payload.a", "op": "regex", "value": "(a+)+b"}, scope).holds


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_neq_is_always_the_opposite_of_eq_and_in_agrees(found: Any, wanted: Any) -> None:
    scope = Scope(payload={"a": found})
    equal = evaluate({"path": "payload.a", "op": "eq", "value": wanted}, scope).holds
    assert evaluate({"path": "payload.a", "op": "neq", "value": wanted}, scope).holds is not equal
    assert evaluate({"path": "payload.a", "op": "in", "value": [wanted]}, scope).holds is equal
    assert evaluate({"path": "payload.a", "op": "eq", "value": found}, scope).holds


@pytest.mark.parametrize(
    ("items", "wanted", "holds"),
    [
        (["Prod", "eu"], "prod", True),
        (["production"], "prod", False),
        (["Straße"], "STRASSE", True),
        ([1, 2.0], 2, True),
        ([True], 1, False),
        ([{"a": [1]}], {"a": [1]}, True),
        ([None], None, True),
        ([["x"]], "x", False),
        ([], "", False),
    ],
)
def test_a_list_contains_an_item_that_equals_the_value(items: Any, wanted: Any, holds: Any) -> None:
    condition = {"path": "payload.items", "op": "contains", "value": wanted}
    assert check_condition(condition) == ()
    assert evaluate(condition, Scope(payload={"items": items})).holds is holds
