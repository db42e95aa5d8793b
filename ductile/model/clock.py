"""Time: integer milliseconds since the epoch, UTC."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Millis = int
"""Milliseconds: a point in time since 1970-01-01T00:00Z, or a length of time."""

Clock = Callable[[], Millis]
"""Returns the current time; passed in, so that tests control it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def system_clock() -> Millis:
    """The machine's time."""
    return time.time_ns() // 1_000_000


def rfc3339(at: Millis) -> str:
    """``1700000000123`` as ``2023-11-14T22:13:20.123Z``."""
    seconds, millis = divmod(at, 1000)
    return f"{_format_seconds(seconds)}.{millis:03}Z"


@lru_cache(maxsize=256)
def _format_seconds(seconds: int) -> str:
    """A time to the second, without an offset. Cached, since most times are close to now."""
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


def from_rfc3339(text: str) -> Millis:
    """The reverse of `rfc3339`, for any RFC 3339 time.

    ValueError for anything else, a time without an offset, and one that in UTC is not in the years 1 to 9999.
    """
    normal = text.upper().replace(" ", "T", 1)
    if not _RFC3339.fullmatch(normal):
        message = f"{text!r} is no RFC 3339 time with an offset, such as 2030-01-31T09:00:00Z"
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(normal).astimezone(UTC)
    except OverflowError as error:
        message = f"{text!r} is not in the years 1 to 9999"
        raise ValueError(message) from error
    return (moment - _EPOCH) // timedelta(milliseconds=1)
