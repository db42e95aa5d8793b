"""What stands at a path of a value, and copies in which something else does."""

from collections.abc import Mapping
from typing import Any

import orjson

from ductile.document.problem import Path

APPEND = -1
"""As an index: behind the last entry of a list."""


def child_at(value: Any, part: str | int) -> Any:
    """What stands under a key or an index, or None."""
    if isinstance(value, Mapping):
        return value.get(part)
    inside = isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
    return value[part] if inside else None


def value_at(value: Any, path: Path) -> Any:
    """What stands at the path, or None."""
    for part in path:
        value = child_at(value, part)
    return value


def has_value(value: Any, path: Path) -> bool:
    """Whether something stands at the path, be it null."""
    for part in path:
        if isinstance(value, list):
            inside = isinstance(part, int) and 0 <= part < len(value)
        else:
            inside = isinstance(value, Mapping) and part in value
        if not inside:
            return False
        value = child_at(value, part)
    return True


def with_value(value: Any, path: Path, new: Any) -> Any:
    """A copy with another value at the path; maps and lists are made where there is nothing."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        members = list(value) if isinstance(value, list) else []
        if head == APPEND:
            return [*members, with_value(None, rest, new)]
        members[head] = with_value(members[head], rest, new)
        return members
    known = value if isinstance(value, Mapping) else {}
    return {**known, head: with_value(known.get(head), rest, new)}


def without_value(value: Any, path: Path) -> Any:
    """A copy without the key or the entry at the path, which is there."""
    head, rest = path[0], path[1:]
    if rest:
        return with_value(value, (head,), without_value(child_at(value, head), rest))
    if isinstance(value, list):
        return [member for index, member in enumerate(value) if index != head]
    return {key: member for key, member in value.items() if key != head}


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; 1, 1.0 and true are three."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
