"""A word of the command line as a JSON value of the type that a schema wants. Pure but for `@file`."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from ductile.cli.codes import UsageError
from ductile.model.json_reader import read_json

ORDER: Final = ("null", "boolean", "integer", "number", "object", "array", "string")
"""Where a value may be of several types, a word is of the first of these that it can be."""
NOUNS: Final = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object or @file",
    "array": "a JSON array or @file",
    "string": "text",
}
MAX_SHOWN: Final = 60
"""Characters of a word that an error repeats."""


class Kind(Struct, frozen=True, kw_only=True):
    """What a word may be."""

    types: tuple[str, ...] = ()
    """JSON types in `ORDER`; empty for any."""
    choices: tuple[Any, ...] = ()
    """The values it may have; empty for any."""


def read_word(text: str, kind: Kind, title: str) -> Any:
    """The value. Raises UsageError, which calls it by this title."""
    if kind.choices:
        return _chosen(text, kind.choices, title)
    types = kind.types or ORDER
    for one in types:
        fits, value = _READERS[one](text, types, title)
        if fits:
            return value
    raise UsageError(reason=f"{title} takes {wanted(types)}, not {cut(text)}")


def shown(value: Any) -> str:
    """A value as it is written on the command line."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def wanted(types: Sequence[str]) -> str:
    """`a whole number or text`."""
    return " or ".join(NOUNS[one] for one in types)


def cut(text: str) -> str:
    """The word as an error repeats it."""
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")


def _chosen(text: str, choices: Sequence[Any], title: str) -> Any:
    for choice in choices:
        if text == shown(choice):
            return choice
    raise UsageError(reason=f"{title} takes one of {', '.join(shown(one) for one in choices)}, not {cut(text)}")


Read = tuple[bool, Any]
"""Whether the word is of the type, and its value."""


def _null(text: str, _types: Sequence[str], _title: str) -> Read:
    return text == "null", None


def _boolean(text: str, _types: Sequence[str], _title: str) -> Read:
    return text in {"true", "false"}, text == "true"


def _integer(text: str, types: Sequence[str], title: str) -> Read:
    if not re.fullmatch(r"[+-]?[0-9]{1,40}", text, re.ASCII):
        return False, None
    value = int(text)
    if -(2**63) <= value < 2**64:
        return True, value
    if "string" in types:
        return False, None
    raise UsageError(reason=f"{title} takes {NOUNS['integer']} of 64 bits, and {cut(text)} is beyond that")


def _number(text: str, types: Sequence[str], title: str) -> Read:
    whole, value = _integer(text, types, title)
    if whole:
        return True, value
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text, re.ASCII):
        return False, None
    value = float(text)
    return math.isfinite(value), value


def _object(text: str, types: Sequence[str], title: str) -> Read:
    value = _json(text, types, title)
    return isinstance(value, dict), value


def _array(text: str, types: Sequence[str], title: str) -> Read:
    value = _json(text, types, title)
    return isinstance(value, list), value


def _string(text: str, _types: Sequence[str], _title: str) -> Read:
    return True, text


def _json(text: str, types: Sequence[str], title: str) -> Any:
    """The JSON of the word, or of the file that `@file` names. A word that may be text is not read from a file.

    None where it may be text, and is no JSON. Raises UsageError.
    """
    may_be_text = "string" in types
    try:
        raw = Path(text[1:]).read_bytes() if text[:1] == "@" and not may_be_text else text
        return read_json(raw)
    except OSError as error:
        raise UsageError(reason=f"{title} {cut(text)} cannot be read: {error.strerror}") from None
    except ValueError as error:
        if may_be_text:
            return None
        raise UsageError(reason=f"{title} takes {wanted(types)}, and {cut(text)} is not JSON: {error}") from None


_READERS: Final[dict[str, Callable[[str, Sequence[str], str], Read]]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "object": _object,
    "array": _array,
    "string": _string,
}
