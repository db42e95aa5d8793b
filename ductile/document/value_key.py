"""What a value says, as bytes: equal bytes are equal values, so that what was made of one can be found again."""

import marshal
from typing import Any, Final

MAX_CACHED_RESULTS: Final = 8192
"""Results that are kept by content, of one kind: those of a large configuration, before and after an edit."""

_MARSHAL_VERSION: Final = 2
"""The last one that writes every value out in full, however many places share it."""


def value_key(value: Any) -> bytes | None:
    """The bytes of a JSON value, in the order of its keys; None where it holds anything else, or nests too deep.

    JSON would not do: it writes a number that is none as null.
    """
    try:
        return marshal.dumps(value, _MARSHAL_VERSION)
    except ValueError:
        return None


def restore_value(text: bytes) -> Any:
    """The value that `content` was asked for, made anew."""
    return marshal.loads(text)  # noqa: S302  # only what `content` has written in this process
