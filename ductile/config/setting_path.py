"""The path of a setting as people write it: `plugins.echo.timeouts.poll`, `routes[0].to`, `plugin_roots[+]`."""

import re
from collections.abc import Mapping
from typing import Any

from ductile.config.errors import BadPath
from ductile.document.paths import APPEND, child_at
from ductile.document.problem import Path
from ductile.document.yaml_scalar import has_surrogates

MAX_PARTS = 64
"""Parts of a path; nothing that a configuration holds is deeper."""

_PART = re.compile(
    r"""(?P<dot>\.)? (?: "(?P<quoted>(?:[^"\\]|\\.)+)" | (?P<plain>[^."\[\]]+)
    | \[ (?: (?P<index>[0-9]{1,9}) | (?P<append>\+) | "(?P<inside>[^"]+)" ) \] )""",
    re.VERBOSE,
)
_PLAIN = re.compile(r'[^."\[\]]+')


def parse_path(text: str, value: Any) -> Path:
    """The path, of which numbers are indexes where `value` has a list. Raises BadPath."""
    path: list[str | int] = []
    at = 0
    if has_surrogates(text):
        raise BadPath(path=ascii(text), place=1)
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or bool(found["dot"]) != (at > 0 and text[at] != "["):
            raise BadPath(path=text, place=at + 1)
        part = _part(found, value)
        path.append(part)
        if len(path) > MAX_PARTS:
            raise BadPath(path=f"{text[:60]}…", place=at + 1)
        value = child_at(value, part)
        at = found.end()
    if not path:
        raise BadPath(path=text, place=1)
    return tuple(path)


def _part(found: re.Match[str], value: Any) -> str | int:
    if found["append"] or (found["plain"] == "+" and not isinstance(value, Mapping)):
        return APPEND
    if found["index"]:
        return int(found["index"])
    name = found["inside"] or found["plain"] or re.sub(r"\\(.)", r"\1", found["quoted"] or "")
    return int(name) if isinstance(value, list) and re.fullmatch("[0-9]{1,9}", name) else name


def format_path(path: Path) -> str:
    """The path as it is written; it can be given back to `parse_path`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += "[+]" if part == APPEND else f"[{part}]"
        else:
            name = part if _PLAIN.fullmatch(part) else '"' + re.sub(r'(["\\])', r"\\\1", part) + '"'
            text += f".{name}" if text else name
    return text
