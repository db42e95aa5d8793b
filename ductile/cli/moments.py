"""Times as people read them."""

from datetime import datetime
from typing import Any


def moment(time: Any) -> str | None:
    """`2026-11-22 05:49:07Z` of an RFC 3339 time."""
    return None if time is None else f"{str(time)[:19].replace('T', ' ')}Z"


def lasted(start: Any, end: Any) -> str | None:
    """`12 ms`, `3.4 s` or `2 m 5 s` between two RFC 3339 times; None where one is missing."""
    if start is None or end is None:
        return None
    seconds = (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} m {rest:.0f} s" if minutes else f"{rest:.1f} s"
