"""JSON values that go on into envelopes: payloads and baggage."""

from typing import Any

import orjson

ROOM = 54
"""Levels that an envelope may add around a value; orjson writes 254 in all."""

DEEPEST = 254 - ROOM
"""Levels that a payload may nest."""


class Unencodable(ValueError):
    """A value that JSON cannot carry on: too deep, a number beyond 64 bits, half a surrogate pair."""


def encode(value: Any) -> bytes:
    """The value as JSON that still fits into an envelope. Raises Unencodable, which says why."""
    try:
        encoded = orjson.dumps(value)
        if encoded.count(b"{") + encoded.count(b"[") > DEEPEST:
            _check_depth(value)
    except orjson.JSONEncodeError as error:
        reason = f"it nests deeper than {DEEPEST} levels" if "ecursion" in str(error) else str(error)
        raise Unencodable(reason) from error
    return encoded


def _check_depth(value: Any) -> None:
    """Let orjson, which knows its own limit, refuse what would not fit inside as many levels as an envelope adds."""
    for _ in range(ROOM):
        value = [value]
    orjson.dumps(value)
