"""Durations and sizes as people write them."""

import re

from ductile.model.clock import Millis

_SECOND_MILLISECONDS = 1_000
_UNITS: dict[str, Millis] = {
    "ms": 1,
    "s": _SECOND_MILLISECONDS,
    "m": 60 * _SECOND_MILLISECONDS,
    "h": 3_600 * _SECOND_MILLISECONDS,
    "d": 86_400 * _SECOND_MILLISECONDS,
    "w": 7 * 86_400 * _SECOND_MILLISECONDS,
}
_NAMED: dict[str, Millis] = {
    "hourly": _UNITS["h"],
    "daily": _UNITS["d"],
    "weekly": _UNITS["w"],
    "monthly": 30 * _UNITS["d"],
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_SIZES = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_SIZE = re.compile(r"([0-9]+) ?(B|KB|MB|GB|)", re.IGNORECASE)
_LONGEST: Millis = 100 * 365 * _UNITS["d"]
_MAX_VALUE = 2**53
_MAX_TEXT = 64
"""Characters of a duration or size; more is no slip of the pen."""


def duration(text: object) -> Millis:
    """Milliseconds of `500ms 30s 5m 1h30m 1.5h 2d 1w`, `hourly daily weekly monthly` (30 days), or 0.

    A ValueError says in a sentence what is wrong.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text == 0:
            return 0
        sentence = f"{text} has no unit; write it as a duration such as `{text}s` or `{text}m`"
        raise ValueError(sentence)
    if not isinstance(text, str) or len(text) > _MAX_TEXT or not (text in _NAMED or _DURATION.fullmatch(text)):
        if isinstance(text, str) and re.fullmatch(r"[0-9]{1,18}", text):
            return duration(int(text))
        raise ValueError(_no_duration(text))
    millis = _NAMED.get(text) or round(sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))
    if millis > _LONGEST:
        sentence = f"`{text}` is longer than 100 years"
        raise ValueError(sentence)
    return millis


def format_duration(millis: Millis) -> str:
    """A length of time as `duration` reads it: `1d`, `1h30m`, `500ms`, `0`."""
    rest, parts = millis, []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


def size(text: object) -> int:
    """Bytes of `1024`, `64KB`, `1MB`, `1GB`; a KB has 1024 bytes. A ValueError says in a sentence what is wrong."""
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= _MAX_VALUE:
        return text
    found = _SIZE.fullmatch(text) if isinstance(text, str) and len(text) <= _MAX_TEXT else None
    count = int(found[1]) * _SIZES[found[2].upper()] if found else -1
    if not 0 <= count <= _MAX_VALUE:
        sentence = f"{_quote(text)} is no size; write bytes such as `1024`, or `64KB`, `1MB`, `1GB`"
        raise ValueError(sentence)
    return count


def _no_duration(text: object) -> str:
    return f"{_quote(text)} is no duration; write one such as `500ms`, `30s`, `5m`, `1h30m`, `2d`, `1w` or `daily`"


def _quote(value: object) -> str:
    words = {True: "true", False: "false", None: "null"}
    if isinstance(value, bool) or value is None:
        return f"`{words[value]}`"
    text = str(value)
    return f"`{text[:40]}…`" if len(text) > 40 else f"`{text}`"  # noqa: PLR2004  # what fits a line of an error
