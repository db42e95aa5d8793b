from typing import Any

import pytest

from ductile.kit.cases.json_difference import find_differences, value_shape, without_numbers


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": [1, 2]}, {"a": 2, "b": [1, 3]}, [("a",), ("b", 1)]),
        ({"a": 1}, {"b": 1}, [("a",), ("b",)]),
        ([1], [1, 2], [()]),
        (1, True, [()]),
        (1, 1.0, []),
        ({"a": {"b": None}}, {"a": {"b": {}}}, [("a", "b")]),
    ],
)
def test_differences_are_named_by_their_outermost_places(one: Any, other: Any, paths: list[Any]) -> None:
    assert find_differences(one, other) == paths


def test_a_shape_keeps_keys_and_kinds_alone() -> None:
    first = {"at": "2030", "n": 1, "list": [{"x": 1.5}], "yes": True, "none": None}
    second = {"at": "2031", "n": 2, "list": [{"x": 7}], "yes": True, "none": None}
    assert value_shape(first) == value_shape(second)
    assert value_shape({"n": 1}) != value_shape({"n": "1"})
    assert value_shape({"yes": True}) != value_shape({"yes": False})


def test_what_is_steady_has_no_numbers() -> None:
    first = {"said": "took 1.03 s at 07:10:36", "n": 4, "who": ["Ada"], "yes": True}
    second = {"said": "took 12 s at 07:10:37", "n": 5, "who": ["Ada"], "yes": True}
    assert without_numbers(first) == without_numbers(second)
    assert without_numbers({"who": "Ada"}) != without_numbers({"who": "Ada two"})
    assert without_numbers({"yes": True}) != without_numbers({"yes": False})
