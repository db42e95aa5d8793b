"""Comparison of numbers, times and dates by order."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from ductile.flow.json_value import is_number
from ductile.model.clock import from_rfc3339

ORDER_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
"""Operator → comparison of two values of the same ordered kind."""

ORDERED_KINDS: Final = "a number, a time with an offset such as `2026-01-31T09:00:00Z`, or a date such as `2026-01-31`"
_FRACTION_PATTERN: Final = re.compile(r"\.([0-9]+)")
_DATE_PATTERN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def order_kind(value: Any) -> str | None:
    """The ordered kind of a value, in words for people; None for a value without an order."""
    if is_number(value):
        return "a number"
    if isinstance(value, str):
        return next((kind for kind, read in _KIND_READERS.items() if _is_readable(read, value)), None)
    return None


def compare_order(op: str, actual: Any, expected: Any) -> bool:
    """Whether the operator holds for two values of the same kind."""
    kind = order_kind(expected)
    read = _KIND_READERS.get(kind) if kind else None
    return ORDER_OPERATORS[op](actual, expected) if read is None else ORDER_OPERATORS[op](read(actual), read(expected))


def _is_readable(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _parse_instant(text: str) -> tuple[int, str]:
    """A time as milliseconds to the whole second, and the digits of its fraction. Raises ValueError."""
    fraction = _FRACTION_PATTERN.search(text)
    if fraction is None:
        return from_rfc3339(text), ""
    from_rfc3339(text)
    whole = text[: fraction.start()] + text[fraction.end() :]
    return from_rfc3339(whole), fraction[1].rstrip("0")


def _parse_date(text: str) -> date:
    if not _DATE_PATTERN.fullmatch(text):
        message = f"{text!r} is no date"
        raise ValueError(message)
    return date.fromisoformat(text)


_KIND_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "a time with an offset": _parse_instant,
    "a date": _parse_date,
}
