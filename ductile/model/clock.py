"""Time as the gateway keeps it: integer milliseconds since the epoch, UTC."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Millis = int
"""Milliseconds: a point in time since 1970-01-01T00:00Z, or a length of time."""

Clock = Callable[[], Millis]
"""Tells the time; passed in, so that tests own it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def system_clock() -> Millis:
    """The machine's time."""
    return time.time_ns() // 1_000_000


def rfc3339(at: Millis) -> str:
    """``1700000000123`` as ``2023-11-14T22:13:20.123Z``."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> Millis:
    """The reverse of `rfc3339`, for any RFC 3339 time; ValueError for anything else or a time without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = f"{text!r} has no UTC offset"
        raise ValueError(message)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
