"""Formats times for people, and reads times that people write."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ductile.cli.core.errors import BadTime

DAY_SECONDS: Final = 86_400
OLDEST_AGE_SECONDS: Final = 14 * DAY_SECONDS
"""Times further away than this are shown as times, not as ages."""
AGE_UNITS: Final = (
    (1, 120, "s"),
    (60, 120 * 60, "min"),
    (3600, 2 * DAY_SECONDS, "h"),
    (DAY_SECONDS, OLDEST_AGE_SECONDS, "d"),
)
"""Seconds of a unit, the number of seconds from which the next unit is used, and the unit's abbreviation."""
_DAY_OR_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)


def format_time(time: Any) -> str | None:
    """`2026-11-22 05:49:07Z` of an RFC 3339 time."""
    return None if time is None else f"{str(time)[:19].replace('T', ' ')}Z"


def format_age(time: Any, now: datetime | None = None) -> str | None:
    """`3 min ago`, or `in 25 s`, of an RFC 3339 time; a time that is far away as `moment` shows it."""
    if time is None:
        return None
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(str(time))).total_seconds()
    amount = next((f"{abs(seconds) // size:.0f} {name}" for size, end, name in AGE_UNITS if abs(seconds) < end), None)
    if amount is None:
        return format_time(time)
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def format_duration(start: Any, end: Any) -> str | None:
    """`12 ms`, `3.4 s` or `2 m 5 s` between two RFC 3339 times; None where one is missing."""
    if start is None or end is None:
        return None
    seconds = (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} m {rest:.0f} s" if minutes else f"{rest:.1f} s"


def read_time(text: str, option: str, *, ahead: bool = False, now: datetime | None = None) -> str:
    """An RFC 3339 time of `10m` (so long ago, or `ahead`), `2030-01-31`, `2030-01-31 09:00` (UTC) or RFC 3339.

    Raises BadTime.
    """
    from ductile.document.units import duration
    from ductile.model.clock import from_rfc3339, rfc3339

    try:
        if _DAY_OR_TIME.fullmatch(text):
            at = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
        elif text[4:5] == "-":
            at = from_rfc3339(text)
        else:
            length = timedelta(milliseconds=duration(text))
            at = int(((now or datetime.now(UTC)) + (length if ahead else -length)).timestamp() * 1000)
        return rfc3339(max(at, 0))
    except (OverflowError, ValueError):
        raise BadTime(option=option, direction="from now" if ahead else "ago", text=text) from None
