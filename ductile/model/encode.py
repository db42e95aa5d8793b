"""Encodes JSON values that become part of a request: payloads and baggage."""

from typing import Any

import orjson

ENVELOPE_LEVELS = 54
"""Levels that a request may add around a value; orjson writes 254 in all."""

MAX_PAYLOAD_LEVELS = 254 - ENVELOPE_LEVELS
"""Levels that a payload may nest."""


class Unencodable(ValueError):
    """A value that JSON cannot carry: nested too deep, a number beyond 64 bits, half a surrogate pair."""


def encode(value: Any) -> bytes:
    """Encode a value as JSON that still fits into a request. Raises Unencodable with the reason."""
    try:
        encoded = orjson.dumps(value)
        if encoded.count(b"{") + encoded.count(b"[") > MAX_PAYLOAD_LEVELS:
            _check_depth(value)
    except orjson.JSONEncodeError as error:
        reason = f"it nests deeper than {MAX_PAYLOAD_LEVELS} levels" if "ecursion" in str(error) else str(error)
        raise Unencodable(reason) from error
    return encoded


def _check_depth(value: Any) -> None:
    """Let orjson, which knows its own limit, refuse a value that nests too deep for a request."""
    for _ in range(ENVELOPE_LEVELS):
        value = [value]
    orjson.dumps(value)
