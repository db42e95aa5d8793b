"""Times, dates and lengths in conditions."""

from typing import Any

import pytest

from ductile.flow.condition import Scope, check_condition, evaluate
from ductile.flow.errors import ConditionError

NOON = "2026-03-01T12:00:00Z"


def condition_holds(payload: Any, op: str, value: Any, path: str = "payload.x") -> bool:
    condition = {"path": path, "op": op, "value": value}
    assert check_condition(condition) == ()
    return evaluate(condition, Scope(payload=payload)).holds


@pytest.mark.parametrize(
    ("found", "wanted", "order"),
    [
        (NOON, NOON, 0),
        ("2026-03-01T14:00:00+02:00", NOON, 0),
        ("2026-03-01T13:59:59+02:00", NOON, -1),
        ("2026-03-01T09:00:00-04:00", NOON, 1),
        ("2026-03-01t12:00:00z", NOON, 0),
        ("2026-03-01 12:00:00Z", NOON, 0),
        ("2026-03-01T12:00:00.000Z", NOON, 0),
        ("2026-03-01T12:00:00.000000001Z", NOON, 1),
        ("2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.45Z", 1),
        ("2026-03-01T12:00:00.0000001Z", "2026-03-01T12:00:00.0000002Z", -1),
        ("1969-12-31T23:59:59.9Z", "1970-01-01T00:00:00Z", -1),
        ("2026-03-01", "2026-03-01", 0),
        ("2026-02-28", "2026-03-01", -1),
        ("2027-01-01", "2026-12-31", 1),
    ],
)
def test_times_and_dates_compare_as_what_they_mean(found: str, wanted: str, order: int) -> None:
    payload = {"x": found}
    assert condition_holds(payload, "gt", wanted) is (order > 0)
    assert condition_holds(payload, "gte", wanted) is (order >= 0)
    assert condition_holds(payload, "lt", wanted) is (order < 0)
    assert condition_holds(payload, "lte", wanted) is (order <= 0)


@pytest.mark.parametrize(
    ("found", "wanted", "needs", "there"),
    [
        (5, NOON, "a time with an offset", "a number"),
        ("soon", NOON, "a time with an offset", "text"),
        ("2026-03-01T12:00:00", NOON, "a time with an offset", "text"),
        ("2026-03-01", NOON, "a time with an offset", "a date"),
        (NOON, "2026-03-01", "a date", "a time with an offset"),
        (NOON, 5, "a number", "a time with an offset"),
        ("5", 5, "a number", "text"),
        ("2026-02-30", "2026-03-01", "a date", "text"),
    ],
)
def test_values_of_two_kinds_have_no_order(found: Any, wanted: Any, needs: str, there: str) -> None:
    with pytest.raises(ConditionError, match=f"needs {needs}, but there is {there}"):
        condition_holds({"x": found}, "lt", wanted)


@pytest.mark.parametrize("nothing", [{}, {"x": None}])
def test_nothing_comes_neither_before_nor_after_a_time(nothing: Any) -> None:
    assert not condition_holds(nothing, "lt", NOON)
    assert not condition_holds(nothing, "gte", NOON)


@pytest.mark.parametrize("value", ["soon", "2026-03-01T12:00:00", "2026-13-01", "20260301", "5", True, None, [NOON]])
def test_a_value_that_has_no_order_is_found_at_load(value: Any) -> None:
    (problem,) = check_condition({"path": "payload.x", "op": "gt", "value": value}, at=("if",))
    assert problem.path == ("if", "value")
    assert "a time with an offset such as" in problem.message


@pytest.mark.parametrize(
    ("value", "length"),
    [("", 0), ("äöü", 3), ("🦆", 1), ([], 0), ([1, [2, 3]], 2), ({}, 0), ({"a": 1, "b": None}, 2)],
)
def test_length_counts_characters_and_items(value: Any, length: int) -> None:
    assert condition_holds({"x": value}, "eq", length, "length(payload.x)")
    assert not condition_holds({"x": value}, "gt", length, "length(payload.x)")
    assert condition_holds({"a.b": [value]}, "in", [length], 'length(payload["a.b"][0])')


def test_nothing_has_no_length() -> None:
    for nothing in ({}, {"x": None}):
        assert condition_holds(nothing, "eq", None, "length(payload.x)")
        assert not condition_holds(nothing, "gte", 0, "length(payload.x)")


@pytest.mark.parametrize("value", [5, True])
def test_what_has_no_items_has_no_length(value: Any) -> None:
    with pytest.raises(ConditionError, match=r"`length\(payload.x\) gt` needs text, a list or a mapping"):
        condition_holds({"x": value}, "gt", 0, "length(payload.x)")


def test_the_verdict_tells_the_length_and_never_one_of_the_configuration() -> None:
    scope = Scope(payload={"x": "secret"}, config={"key": "secret"})
    both = {"all": [{"path": f"length({root})", "op": "eq", "value": 6} for root in ("config.key", "payload.x")]}
    verdict = evaluate(both, scope)
    assert verdict.holds
    assert verdict.values == {"length(payload.x)": 6}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("length(payload.x", "must begin with"),
        ("length()", "must begin with"),
        ("length(length(payload.x))", "must begin with"),
        ("length(paylod.x)", "did you mean `payload`"),
        ("lenght(payload.x)", "must begin with"),
        ("length(payload.x).y", "must begin with"),
    ],
)
def test_a_length_of_no_path_is_found_at_load(path: str, words: str) -> None:
    (problem,) = check_condition({"path": path, "op": "gt", "value": 1}, at=("if",))
    assert problem.path == ("if", "path")
    assert words in problem.message
