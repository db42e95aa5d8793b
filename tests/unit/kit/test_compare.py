from typing import Any

import pytest

from ductile.kit.cases.compare import differences, shape, steady


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
    assert differences(one, other) == paths


def test_a_shape_keeps_keys_and_kinds_alone() -> None:
    first = {"at": "2030", "n": 1, "list": [{"x": 1.5}], "yes": True, "none": None}
    second = {"at": "2031", "n": 2, "list": [{"x": 7}], "yes": True, "none": None}
    assert shape(first) == shape(second)
    assert shape({"n": 1}) != shape({"n": "1"})
    assert shape({"yes": True}) != shape({"yes": False})


def test_what_is_steady_has_no_numbers() -> None:
    first = {"said": "took 1.03 s at 07:10:36", "n": 4, "who": ["Ada"], "yes": True}
    second = {"said": "took 12 s at 07:10:37", "n": 5, "who": ["Ada"], "yes": True}
    assert steady(first) == steady(second)
    assert steady({"who": "Ada"}) != steady({"who": "Ada two"})
    assert steady({"yes": True}) != steady({"yes": False})
