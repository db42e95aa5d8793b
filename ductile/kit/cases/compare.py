"""Two JSON values beside each other."""

import re
from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]

_NUMBER = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")


def differences(one: Any, other: Any, at: Path = ()) -> list[Path]:
    """Where two values differ: the outermost places, in order."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = [*one, *(name for name in other if name not in one)]
        return [
            path
            for name in names
            for path in (
                differences(one[name], other[name], (*at, name)) if name in one and name in other else [(*at, name)]
            )
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            path
            for index, (mine, its) in enumerate(zip(one, other, strict=True))
            for path in differences(mine, its, (*at, index))
        ]
    same = one == other and isinstance(one, bool) == isinstance(other, bool)
    return [] if same else [at]


def shape(value: Any) -> Any:
    """The same value with each scalar replaced by its kind: texts and numbers may differ from run to run."""
    if isinstance(value, Mapping):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    if isinstance(value, bool) or value is None:
        return value
    return "text" if isinstance(value, str) else "number"


def steady(value: Any) -> Any:
    """The same value without its numbers, also those in texts: durations and sizes of a busy machine are others."""
    if isinstance(value, Mapping):
        return {name: steady(member) for name, member in value.items()}
    if isinstance(value, list):
        return [steady(member) for member in value]
    if isinstance(value, str):
        return _NUMBER.sub("0", value)
    return value if isinstance(value, bool) or value is None else "number"
