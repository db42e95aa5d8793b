"""The left side of a condition: the value at a path, or `length(path)`."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from ductile.flow.errors import ConditionError
from ductile.flow.json_value import MISSING, json_kind
from ductile.flow.path import path_fault, segments, value_at

_LENGTH_CALL: Final = re.compile(r"length\((.*)\)", re.DOTALL)


class Operand(Struct, frozen=True):
    """A path, or the length of the value at a path."""

    path: str
    is_length: bool

    @property
    def root(self) -> str:
        """The name that the path begins with."""
        return segments(self.path)[0]


@lru_cache(maxsize=4096)
def read_operand(text: str) -> Operand:
    """Parse the `path` of a condition."""
    found = _LENGTH_CALL.fullmatch(text)
    return Operand(found[1] if found else text, found is not None)


def operand_fault(text: Any, roots: Collection[str]) -> str | None:
    """The fault of an operand, as the end of a sentence; None for a valid operand."""
    return path_fault(read_operand(text).path if isinstance(text, str) else text, roots)


def operand_value(text: str, op: str, roots: Mapping[str, Any]) -> Any:
    """The value of an operand; `MISSING` where its path leads nowhere. Raises `ConditionError`.

    The length of a text is its number of characters, that of a list or a mapping its number of items. Null has none.
    """
    operand = read_operand(text)
    value = value_at(operand.path, roots)
    if not operand.is_length:
        return value
    if value is None or value is MISSING:
        return MISSING
    if not isinstance(value, str | list | Mapping):
        raise ConditionError(path=text, op=op, needs="text, a list or a mapping", found=json_kind(value))
    return len(value)
