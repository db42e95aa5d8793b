"""What comes before what: numbers, times and dates."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from ductile.flow.value import is_number
from ductile.model.clock import from_rfc3339

ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
"""Operators on two values of one of these kinds."""

ORDERED: Final = "a number, a time with an offset such as `2026-01-31T09:00:00Z`, or a date such as `2026-01-31`"
_FRACTION: Final = re.compile(r"\.([0-9]+)")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def order_kind(value: Any) -> str | None:
    """Which of these kinds a value is, in words for people; None for another value."""
    if is_number(value):
        return "a number"
    if isinstance(value, str):
        return next((kind for kind, read in _READERS.items() if _reads(read, value)), None)
    return None


def compare_order(op: str, found: Any, wanted: Any) -> bool:
    """Whether the operator holds of two values of the same kind."""
    kind = order_kind(wanted)
    read = _READERS.get(kind) if kind else None
    return ORDERS[op](found, wanted) if read is None else ORDERS[op](read(found), read(wanted))


def _reads(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _instant(text: str) -> tuple[int, str]:
    """A time as milliseconds to the whole second, and the digits of its fraction. Raises ValueError."""
    fraction = _FRACTION.search(text)
    if fraction is None:
        return from_rfc3339(text), ""
    from_rfc3339(text)
    whole = text[: fraction.start()] + text[fraction.end() :]
    return from_rfc3339(whole), fraction[1].rstrip("0")


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        message = f"{text!r} is no date"
        raise ValueError(message)
    return date.fromisoformat(text)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "a time with an offset": _instant,
    "a date": _date,
}
