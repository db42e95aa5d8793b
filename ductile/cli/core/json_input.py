"""Reads JSON from an argument, a file or stdin: `JSON|@FILE|-`."""

import sys
from pathlib import Path
from typing import Any

from ductile.cli.core.errors import UsageError
from ductile.model.json_reader import read_json as read_exact


def read_payload(text: str | None) -> dict[str, Any]:
    """The payload; empty where none is given. Raises UsageError."""
    value = {} if text is None else read_json_argument(text, "--payload")
    if not isinstance(value, dict):
        raise UsageError(reason='--payload must be a JSON object, such as \'{"name": "Ada"}\'')
    return value


def read_json_argument(text: str, title: str) -> Any:
    """The JSON of an argument, of `@file`, or of `-` (stdin). Raises UsageError with the title."""
    try:
        return read_exact(read_argument(text, title))
    except ValueError as error:
        raise UsageError(reason=f"{title} is not JSON: {error}") from None


def read_argument(text: str, title: str) -> bytes:
    """The bytes of the argument itself, of `@file`, or of `-` (stdin). Raises UsageError."""
    try:
        if text == "-":
            return sys.stdin.buffer.read()
        return Path(text[1:]).read_bytes() if text[:1] == "@" else text.encode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(reason=f"{title} {text} cannot be read: {reason}") from None


def read_json_object(text: str | None, title: str) -> dict[str, Any]:
    """The same of a JSON object; an empty one where none is given. Raises UsageError."""
    value = {} if text is None else read_json_argument(text, title)
    if not isinstance(value, dict):
        raise UsageError(reason=f"{title} must be a JSON object")
    return value
