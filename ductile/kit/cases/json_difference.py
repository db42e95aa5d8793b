"""Compares JSON values."""

import re
from collections.abc import Mapping
from typing import Any

JsonPath = tuple[str | int, ...]

_NUMBER = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")


def find_differences(one: Any, other: Any, at: JsonPath = ()) -> list[JsonPath]:
    """Where two values differ: the outermost places, in order."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = [*one, *(name for name in other if name not in one)]
        return [
            path
            for name in names
            for path in (
                find_differences(one[name], other[name], (*at, name))
                if name in one and name in other
                else [(*at, name)]
            )
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            path
            for index, (mine, its) in enumerate(zip(one, other, strict=True))
            for path in find_differences(mine, its, (*at, index))
        ]
    same = one == other and isinstance(one, bool) == isinstance(other, bool)
    return [] if same else [at]


def value_shape(value: Any) -> Any:
    """The same value with each scalar replaced by its kind: texts and numbers may differ from run to run."""
    if isinstance(value, Mapping):
        return {name: value_shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [value_shape(member) for member in value]
    if isinstance(value, bool) or value is None:
        return value
    return "text" if isinstance(value, str) else "number"


def without_numbers(value: Any) -> Any:
    """The same value without numbers, also those in texts: durations and sizes differ on a busy machine."""
    if isinstance(value, Mapping):
        return {name: without_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_numbers(member) for member in value]
    if isinstance(value, str):
        return _NUMBER.sub("0", value)
    return value if isinstance(value, bool) or value is None else "number"
