"""Reads JSON from outside. Whole numbers are exact or refused: orjson alone rounds those beyond 64 bits."""

import re
from typing import Any

import orjson

_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1
_DIGIT_TABLE = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG_RUN = b"0" * 19
"""As many digits as the smallest whole number beyond 64 bits."""
_WHOLE_NUMBER = re.compile(rb"(?<![\w.+-])-?[0-9]{19,}(?![0-9.eE])")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|' + _WHOLE_NUMBER.pattern, re.DOTALL)
_MAX_QUOTED_DIGITS = 24


def read_json(raw: bytes | bytearray | memoryview | str) -> Any:
    """The value of a JSON text. Raises orjson.JSONDecodeError, with the position, also for a number that is too large.

    A text without a long run of digits, as nearly every text is, costs one fast scan of its bytes.
    """
    value = orjson.loads(raw)
    data = raw.encode() if isinstance(raw, str) else bytes(raw)
    if _LONG_RUN in data.translate(_DIGIT_TABLE):
        _refuse_large_numbers(data)
    return value


def _refuse_large_numbers(data: bytes) -> None:
    if all(_fits(found[0]) for found in _WHOLE_NUMBER.finditer(data)):
        return
    for token in _TOKEN.finditer(data):  # a text may hold such digits, so texts are passed over one by one
        digits = token[0]
        if digits.startswith(b'"') or _fits(digits):
            continue
        quoted = digits.decode()
        quoted = quoted if len(quoted) <= _MAX_QUOTED_DIGITS else f"{quoted[:_MAX_QUOTED_DIGITS]}…"
        message = f"the number {quoted} does not fit into 64 bits and would be rounded; write it as text, in quotes"
        text = data.decode()
        raise orjson.JSONDecodeError(message, text, len(data[: token.start()].decode()))


def _fits(digits: bytes) -> bool:
    return len(digits) <= len(str(_MAX_INTEGER)) and _MIN_INTEGER <= int(digits) <= _MAX_INTEGER
