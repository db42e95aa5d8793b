"""Parses a word of the command line as a JSON value of the type that a schema asks for. Pure but for `@file`."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from ductile.cli.core.errors import UsageError
from ductile.model.json_reader import read_json

TYPE_ORDER: Final = ("null", "boolean", "integer", "number", "object", "array", "string")
"""The order in which types are tried where a value may have several."""
TYPE_DESCRIPTIONS: Final = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object or @file",
    "array": "a JSON array or @file",
    "string": "text",
}
MAX_SHOWN_CHARS: Final = 60
"""Characters of a word that an error quotes."""


class ValueType(Struct, frozen=True, kw_only=True):
    """The types or values that a word may have."""

    types: tuple[str, ...] = ()
    """JSON types in `ORDER`; empty for any."""
    choices: tuple[Any, ...] = ()
    """The allowed values; empty for any."""


def parse_value(text: str, kind: ValueType, title: str) -> Any:
    """The value of the word. Raises UsageError, which calls the value by this title."""
    if kind.choices:
        return _read_choice(text, kind.choices, title)
    types = kind.types or TYPE_ORDER
    for one in types:
        fits, value = _READERS[one](text, types, title)
        if fits:
            return value
    raise UsageError(reason=f"{title} takes {describe_types(types)}, not {shorten(text)}")


def format_value(value: Any) -> str:
    """The value as the command line takes it."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def describe_types(types: Sequence[str]) -> str:
    """`a whole number or text`."""
    return " or ".join(TYPE_DESCRIPTIONS[one] for one in types)


def shorten(text: str) -> str:
    """The word as an error quotes it."""
    return repr(text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…")


def _read_choice(text: str, choices: Sequence[Any], title: str) -> Any:
    for choice in choices:
        if text == format_value(choice):
            return choice
    raise UsageError(
        reason=f"{title} takes one of {', '.join(format_value(one) for one in choices)}, not {shorten(text)}"
    )


ReadResult = tuple[bool, Any]
"""Whether the word is of the type, and its value."""


def _read_null(text: str, _types: Sequence[str], _title: str) -> ReadResult:
    return text == "null", None


def _read_boolean(text: str, _types: Sequence[str], _title: str) -> ReadResult:
    return text in {"true", "false"}, text == "true"


def _read_integer(text: str, types: Sequence[str], title: str) -> ReadResult:
    if not re.fullmatch(r"[+-]?[0-9]{1,40}", text, re.ASCII):
        return False, None
    value = int(text)
    if -(2**63) <= value < 2**64:
        return True, value
    if "string" in types:
        return False, None
    raise UsageError(
        reason=f"{title} takes {TYPE_DESCRIPTIONS['integer']} of 64 bits, and {shorten(text)} is beyond that"
    )


def _read_number(text: str, types: Sequence[str], title: str) -> ReadResult:
    is_integer, value = _read_integer(text, types, title)
    if is_integer:
        return True, value
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text, re.ASCII):
        return False, None
    value = float(text)
    return math.isfinite(value), value


def _read_object(text: str, types: Sequence[str], title: str) -> ReadResult:
    value = _read_json(text, types, title)
    return isinstance(value, dict), value


def _read_array(text: str, types: Sequence[str], title: str) -> ReadResult:
    value = _read_json(text, types, title)
    return isinstance(value, list), value


def _read_string(text: str, _types: Sequence[str], _title: str) -> ReadResult:
    return True, text


def _read_json(text: str, types: Sequence[str], title: str) -> Any:
    """The JSON of the word, or of the file that `@file` names. A word that may be text is not read from a file.

    None where it may be text, and is no JSON. Raises UsageError.
    """
    may_be_text = "string" in types
    try:
        raw = Path(text[1:]).read_bytes() if text[:1] == "@" and not may_be_text else text
        return read_json(raw)
    except OSError as error:
        raise UsageError(reason=f"{title} {shorten(text)} cannot be read: {error.strerror}") from None
    except ValueError as error:
        if may_be_text:
            return None
        raise UsageError(
            reason=f"{title} takes {describe_types(types)}, and {shorten(text)} is not JSON: {error}"
        ) from None


_READERS: Final[dict[str, Callable[[str, Sequence[str], str], ReadResult]]] = {
    "null": _read_null,
    "boolean": _read_boolean,
    "integer": _read_integer,
    "number": _read_number,
    "object": _read_object,
    "array": _read_array,
    "string": _read_string,
}
