"""How a value is written on one line of YAML, so that it is read back as the same."""

from typing import Any

import orjson
import yaml
from msgspec import Struct

from ductile.document.problem import Path
from ductile.document.read import read_text


class NewValue(Struct, frozen=True):
    """A value to write. `text` is how it was typed, which is kept where it is no string; `quoted` keeps it text."""

    value: Any
    text: str | None = None
    quoted: bool = False

    def format(self, *, flow: bool, style: str = "") -> str:
        """The value on one line; a string in the style of the one before it, if that can hold it."""
        if isinstance(self.value, str):
            return _string(self.value, flow=flow, style=style, quoted=self.quoted)
        typed = (self.text or "").strip()
        if typed and "\n" not in typed and "#" not in typed and _reads_as(typed, self.value, flow=flow):
            return typed
        return _dump(self.value)


def write_flow(rest: Path, new: NewValue, *, braces: bool) -> str:
    """The rest of a path as flow maps and lists."""
    head, tail = rest[0], rest[1:]
    inner = write_flow(tail, new, braces=True) if tail else new.format(flow=True)
    if isinstance(head, int):
        return f"[{inner}]" if braces else inner
    member = f"{write_key(head, flow=True)}: {inner}"
    return f"{{{member}}}" if braces else member


def write_key(name: str | int, *, flow: bool) -> str:
    """A key, in quotes where it needs them."""
    return _string(str(name), flow=flow, style="", quoted=False)


def _string(value: str, *, flow: bool, style: str, quoted: bool) -> str:
    """A string as it is read back, without quotes if it may stand so."""
    single = "'" + value.replace("'", "''") + "'"
    double = _dump(value)
    ways = [] if style in ("'", '"') or (quoted and "${" in value) or _old_word(value) else [value]
    ways += [single, double] if style == "'" else [double, single]
    return next((way for way in ways if "\n" not in way and _reads_as(way, value, flow=flow)), double)


def _old_word(value: str) -> bool:
    """Whether readers of YAML 1.1 take it for something else than text, as they do `yes` and `12:30:00`."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(value[:1], [])
    return any(pattern.match(value) for _, pattern in resolvers)


def _reads_as(written: str, value: Any, *, flow: bool) -> bool:
    around = f"v: [{written}]\n" if flow else f"v:\n- {written}\n"
    read = read_text(around, file="")
    same = [value] == read.value.get("v") and type(value) is type(read.value["v"][0])
    return not read.problems and same and not (flow and len(read.value["v"]) != 1)


def _dump(value: Any) -> str:
    """JSON with spaces, which is YAML on one line."""
    text = orjson.dumps(value).decode()
    return text if not isinstance(value, dict | list) else _dump_with_spaces(value)


def _dump_with_spaces(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_dump(key)}: {_dump(member)}" for key, member in value.items()) + "}"
    return "[" + ", ".join(_dump(member) for member in value) + "]"
