"""Reads JSON from outside. A whole number is exact, or refused: orjson alone rounds one that does not fit 64 bits."""

import re
from typing import Any

import orjson

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG_RUN = b"0" * 19
"""The smallest whole number that does not fit has so many digits."""
_WHOLE_NUMBER = re.compile(rb"(?<![\w.+-])-?[0-9]{19,}(?![0-9.eE])")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|' + _WHOLE_NUMBER.pattern, re.DOTALL)
_SHOWN_DIGITS = 24


def read_json(raw: bytes | bytearray | memoryview | str) -> Any:
    """The value of a JSON text. Raises orjson.JSONDecodeError, with its place, also for a number that is too large.

    Where no long run of digits stands in the text, as in nearly every one, this costs one fast look at its bytes.
    """
    value = orjson.loads(raw)
    data = raw.encode() if isinstance(raw, str) else bytes(raw)
    if _LONG_RUN in data.translate(_DIGITS):
        _refuse_large_numbers(data)
    return value


def _refuse_large_numbers(data: bytes) -> None:
    if all(_fits(found[0]) for found in _WHOLE_NUMBER.finditer(data)):
        return
    for token in _TOKEN.finditer(data):  # a text may hold such digits, so texts are passed over one by one
        digits = token[0]
        if digits.startswith(b'"') or _fits(digits):
            continue
        shown = digits.decode()
        shown = shown if len(shown) <= _SHOWN_DIGITS else f"{shown[:_SHOWN_DIGITS]}…"
        message = f"the number {shown} does not fit into 64 bits and would be rounded; write it as text, in quotes"
        text = data.decode()
        raise orjson.JSONDecodeError(message, text, len(data[: token.start()].decode()))


def _fits(digits: bytes) -> bool:
    return len(digits) <= len(str(_LARGEST)) and _SMALLEST <= int(digits) <= _LARGEST
