"""JSON values: their kinds, strict equality, and what JSON cannot carry."""

import math
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from ductile.document.problem import Path, Problem

MAX_INTEGER: Final = 2**64 - 1
"""JSON documents carry integers of 64 bits."""
MIN_INTEGER: Final = -(2**63)


class Absent(Enum):
    """The result of a path that leads nowhere; JSON's null is a value."""

    MISSING = "missing"


MISSING: Final = Absent.MISSING

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Absent, "nothing"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (Mapping, "a mapping"),
    (list, "a list"),
)


def json_kind(value: Any) -> str:
    """The kind of a value, in a word for people; never the value itself, which may be a secret."""
    if value is None:
        return "null"
    return next((kind for types, kind in _KINDS if isinstance(value, types)), type(value).__name__)


def is_number(value: Any) -> bool:
    """Whether a value is a JSON number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def json_equal(one: Any, other: Any) -> bool:
    """Strict equality: 1 is 1.0 but not true, and "1" is no number. Works without recursion: payloads nest deep."""
    waiting = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            if a.keys() != b.keys():
                return False
            waiting.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            waiting.extend(zip(a, b, strict=True))
        elif not _scalars_equal(a, b):
            return False
    return True


def _scalars_equal(a: Any, b: Any) -> bool:
    if is_number(a) and is_number(b):
        return bool(a == b)
    return type(a) is type(b) and bool(a == b)


def json_faults(value: Any, at: Path = ()) -> Iterator[Problem]:
    """A problem for each part of a configured value that JSON cannot carry."""
    waiting: list[tuple[Any, Path]] = [(value, at)]
    while waiting:
        one, place = waiting.pop()
        if isinstance(one, Mapping):
            wrong = [key for key in one if not isinstance(key, str)]
            for key in wrong:
                yield Problem(code="bad_value", message=f"the key `{key}` must be text; put it in quotes", path=place)
            waiting.extend((one[key], (*place, key)) for key in one if isinstance(key, str))
        elif isinstance(one, list):
            waiting.extend((item, (*place, index)) for index, item in enumerate(one))
        elif fault := _scalar_fault(one):
            yield Problem(code="bad_value", message=fault, path=place)


def _scalar_fault(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        fits = MIN_INTEGER <= value <= MAX_INTEGER
        return None if fits else "JSON carries no integer this large; write it as text, in quotes"
    if isinstance(value, float):
        return None if math.isfinite(value) else "JSON has no such number; write it as text, in quotes"
    if isinstance(value, str):
        whole = not any("\ud800" <= letter <= "\udfff" for letter in value)
        return None if whole else "the text holds half a character (a lone surrogate)"
    return f"JSON cannot carry a {type(value).__name__}; write it as text, in quotes"
