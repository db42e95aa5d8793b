"""`with`: values that a step adds to its request, or overrides there.

A text is a template: `"{payload.a.b}"` alone keeps the type of its value, mixed text gives text (texts as they
are, other values as compact JSON, so null reads `null`), `{{` and `}}` stand for braces. Texts inside lists and
mappings are templates too; all other values are literals. All entries see the same payload and context, not each other.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from msgspec import Struct

from ductile.document.problem import Path, Problem
from ductile.flow.errors import RemapError
from ductile.flow.json_value import MISSING, json_faults
from ductile.flow.path import path_fault, value_at

PATH_ROOTS: Final = ("payload", "context")
MAX_LEVELS: Final = 32
"""How deep lists and mappings of one entry may nest."""

_TOKEN = re.compile(r'\{\{|\}\}|\{((?:\["(?:[^"\\]|\\.)*+"\]|[^{}])*+)\}|[{}]')
"""Braces and the path between two of them; a name in brackets and quotes may hold braces."""


class Reference(Struct, frozen=True):
    """A `{path}` of a template."""

    path: str


@lru_cache(maxsize=4096)
def parse_template(text: str) -> tuple[str | Reference, ...]:
    """Parse a template into literal texts and references. Raises ValueError with the end of a sentence."""
    parts: list[str | Reference] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        at = token.end()
        parts.append(_template_part(token))
    parts.append(text[at:])
    return tuple(part for part in parts if part != "")


def _template_part(token: re.Match[str]) -> str | Reference:
    if token[0] in {"{{", "}}"}:
        return token[0][0]
    path = token[1]
    if path is None:
        message = f"the `{token[0]}` at character {token.start() + 1} has no partner; a brace itself is written twice"
        raise ValueError(message)
    fault = path_fault(path, PATH_ROOTS)
    if fault:
        message = f"{fault}; a brace itself is written twice"
        raise ValueError(message)
    return Reference(path)


def remap_payload(with_: Mapping[str, Any], payload: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with the entries of `with` put into it. Raises `RemapError`."""
    roots = {"payload": payload, "context": context}
    return {**payload, **{key: _fill(key, value, roots) for key, value in with_.items()}}


def _fill(key: str, value: Any, roots: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _fill_text(key, value, roots)
    if isinstance(value, Mapping):
        return {name: _fill(f"{key}.{name}", one, roots) for name, one in value.items()}
    if isinstance(value, list):
        return [_fill(f"{key}.{index}", one, roots) for index, one in enumerate(value)]
    return value


def _fill_text(key: str, text: str, roots: Mapping[str, Any]) -> Any:
    try:
        parts = parse_template(text)
    except ValueError as error:
        raise RemapError(key=key, reason=str(error)) from None
    values = [_resolve(key, part, roots) if isinstance(part, Reference) else part for part in parts]
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return values[0]
    return "".join(_json_text(key, value) for value in values)


def _resolve(key: str, reference: Reference, roots: Mapping[str, Any]) -> Any:
    value = value_at(reference.path, roots)
    if value is MISSING:
        raise RemapError(key=key, reason=f"there is nothing at `{reference.path}`")
    return value


def _json_text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise RemapError(key=key, reason=f"a value cannot be written as JSON text ({error})") from None


def escape_braces(value: Any) -> Any:
    """The template that gives exactly this value: braces written twice."""
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, Mapping):
        return {name: escape_braces(one) for name, one in value.items()}
    if isinstance(value, list):
        return [escape_braces(one) for one in value]
    return value


def check_template(text: str) -> str | None:
    """The fault of a template, as a sentence; None for a valid template."""
    try:
        parse_template(text)
    except ValueError as error:
        return str(error)
    return None


def check_with(with_: Mapping[str, Any], at: Path = ()) -> tuple[Problem, ...]:
    """All problems of the entries of a `with`."""
    if _nests_deeper(with_, MAX_LEVELS):
        message = f"an entry of `with` may nest {MAX_LEVELS} levels deep; this goes deeper"
        return (Problem(code="bad_value", message=message, path=at),)
    return (*json_faults(with_, at), *_template_faults(with_, at))


def _nests_deeper(value: Any, levels: int) -> bool:
    """Whether a value nests deeper than this number of levels."""
    if not isinstance(value, Mapping | list):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return levels < 0 or any(_nests_deeper(one, levels - 1) for one in items)


def _template_faults(value: Any, at: Path) -> Iterator[Problem]:
    if isinstance(value, str):
        fault = check_template(value)
        if fault:
            yield Problem(code="bad_value", message=fault, path=at)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _template_faults(one, (*at, str(key)))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _template_faults(one, (*at, index))
