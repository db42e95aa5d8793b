"""Paths into JSON values: `payload.items.0`, and `payload["app.io/name"]` where a key is no plain name.

A path is names with dots between them. A name in brackets is a JSON string, or the digits of a place in a list; it
needs no dot before it. A bracket that holds anything else is a letter like any other: graphs that runs are pinned to
may hold such names, but `path_fault` takes them no more.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from ductile.document.problem import did_you_mean
from ductile.flow.json_value import MISSING, json_kind

_SEPARATOR: Final = re.compile(r'\.|(?<!\.)\[("(?:[^"\\]|\\.)*+"|[0-9]+)\](?=[.\[]|\Z)')
"""What ends a name without brackets: a dot, or a name in brackets."""


@lru_cache(maxsize=4096)
def segments(path: str) -> tuple[str, ...]:
    """The parts of a path: `payload`, `items`, `0`."""
    return tuple(text for text, _ in _segments_with_offsets(path))


def _segments_with_offsets(path: str) -> list[tuple[str, int | None]]:
    """Each part and its offset in the path; the offset of a part in brackets is None."""
    parts: list[tuple[str, int | None]] = []
    at, bare = 0, True
    for separator in _SEPARATOR.finditer(path):
        quoted = _bracket_name(separator[1]) if separator[1] else None
        if separator[1] and quoted is None:
            continue
        name = path[at : separator.start()]
        if name or (bare and not (quoted is not None and at == 0)):
            parts.append((name, at))
        if quoted is not None:
            parts.append((quoted, None))
        at, bare = separator.end(), quoted is None
    if bare or path[at:]:
        parts.append((path[at:], at))
    return parts


def _bracket_name(text: str) -> str | None:
    """The name in brackets; None where it is not a JSON string."""
    if not text.startswith('"'):
        return text
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None


def value_at(path: str, roots: Mapping[str, Any]) -> Any:
    """The value at a path whose first part names a root; `MISSING` where the path leads nowhere.

    A part of digits counts from 0 in a list; in a mapping it is a key like any other.
    """
    value: Any = roots
    for part in segments(path):
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list):
            value = _list_item(value, part)
        else:
            return MISSING
    return value


def _list_item(values: list[Any], part: str) -> Any:
    if not (part.isascii() and part.isdigit()) or len(part) > len(str(len(values))):
        return MISSING
    index = int(part)
    return values[index] if index < len(values) else MISSING


def path_fault(path: Any, roots: Collection[str]) -> str | None:
    """The fault of a path, as the end of a sentence; None for a valid path."""
    examples = " or ".join(f"`{root}.…`" for root in roots)
    if not isinstance(path, str):
        return f"must be a path such as {examples}, not {json_kind(path)}"
    (root, at), *parts = _segments_with_offsets(path)
    bracket = next(
        (start + text.index("[") for text, start in _segments_with_offsets(path) if start is not None and "[" in text),
        None,
    )
    if bracket is not None:
        return (
            f"`{path}` is no path: the `[` at character {bracket + 1} must stand right behind a name, "
            'and hold a name in double quotes or a number, as `payload["app.io/name"]` and `payload.items[0]` do'
        )
    if at is None or root not in roots:
        return f"`{path}` is no path: it must begin with {examples}{did_you_mean(root, roots)}"
    wrong = next((start for text, start in parts if start is not None and not _is_part(text)), None)
    if wrong is not None:
        return (
            f"`{path}` is no path: at character {wrong + 1} a name must stand, without braces or spaces around it; "
            'other names stand in brackets, as in `payload["app.io/name"]`'
        )
    return None


def _is_part(part: str) -> bool:
    return bool(part) and part == part.strip() and not set(part) & set("{}")
