"""What a condition compares: the value at a path, or `length(path)`, how long that value is."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from ductile.flow.errors import ConditionError
from ductile.flow.path import look, path_fault, segments
from ductile.flow.value import MISSING, kind_of

_LENGTH: Final = re.compile(r"length\((.*)\)", re.DOTALL)


class Operand(Struct, frozen=True):
    """A checked operand."""

    path: str
    length: bool

    @property
    def root(self) -> str:
        """The name that the path begins with."""
        return segments(self.path)[0]


@lru_cache(maxsize=4096)
def read_operand(text: str) -> Operand:
    """The operand that was written as `path` of a condition."""
    found = _LENGTH.fullmatch(text)
    return Operand(found[1] if found else text, found is not None)


def operand_fault(text: Any, roots: Collection[str]) -> str | None:
    """What is wrong with an operand, as the end of a sentence; None for a sound one."""
    return path_fault(read_operand(text).path if isinstance(text, str) else text, roots)


def operand_value(text: str, op: str, roots: Mapping[str, Any]) -> Any:
    """What an operand stands for; `MISSING` where its path leads nowhere. Raises `ConditionError`.

    The length of a text is its number of characters, that of a list or a mapping its number of items. Null has none.
    """
    operand = read_operand(text)
    value = look(operand.path, roots)
    if not operand.length:
        return value
    if value is None or value is MISSING:
        return MISSING
    if not isinstance(value, str | list | Mapping):
        raise ConditionError(path=text, op=op, needs="text, a list or a mapping", found=kind_of(value))
    return len(value)
