"""JSON values that go on into envelopes: payloads and baggage."""

from typing import Any

import orjson

ROOM = 54
"""Levels that an envelope may add around a value; orjson writes 254 in all."""

DEEPEST = 254 - ROOM
"""Levels that a payload may nest."""

_OPEN, _CLOSE = b"[" * ROOM, b"]" * ROOM


class Unencodable(ValueError):
    """A value that JSON cannot carry on: too deep, a number beyond 64 bits, half a surrogate pair."""


def encode(value: Any) -> bytes:
    """The value as JSON that still fits into an envelope. Raises Unencodable, which says why."""
    wrapped = value
    for _ in range(ROOM):
        wrapped = [wrapped]
    try:
        # The wrapping is what checks the depth; it costs two slices, where counting levels would cost a walk.
        return orjson.dumps(wrapped).removeprefix(_OPEN).removesuffix(_CLOSE)
    except orjson.JSONEncodeError as error:
        reason = f"it nests deeper than {DEEPEST} levels" if "ecursion" in str(error) else str(error)
        raise Unencodable(reason) from error
