"""Formats values as text, in each format. Pure: no terminal, no file."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ductile.document.yaml_scalar import read_scalar

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
"""Characters that a terminal may obey instead of showing, or that reorder text; newlines and tabs aside."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def escape_controls(text: str) -> str:
    r"""The text with its control characters as `\x1b`, so that a terminal shows them and obeys none."""
    return _UNSAFE.sub(_escape, text)


def escape_to_line(text: str) -> str:
    """The text with escaped control characters, on one line."""
    return escape_controls(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return {13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")  # noqa: PLR2004


def to_json(value: Any, *, indent: bool = True) -> str:
    """JSON, in which no character is left that a terminal would obey; a path, an enum and the like are text."""
    option = orjson.OPT_INDENT_2 if indent else 0
    try:
        text = orjson.dumps(value, default=str, option=option).decode()
    except orjson.JSONEncodeError:  # a file name with bytes that are no text; a very long number; very deep values
        spaces = 2 if indent else None
        text = json.dumps(
            _make_encodable(value), default=lambda one: _make_encodable(str(one)), ensure_ascii=False, indent=spaces
        )
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _make_encodable(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(_escape, value)
    if isinstance(value, Mapping):
        return {_make_encodable(key): _make_encodable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_make_encodable(member) for member in value]
    return value


def to_yaml(value: Any) -> str:
    """YAML that YAML 1.1 and 1.2 read back as the same value."""
    import yaml  # only this format needs it

    class Dumper(yaml.CSafeDumper):
        """Puts quotes around what could be read as something else than text."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the same value twice is written twice
            return True

    def represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
        doubtful = _UNSAFE.search(text) or not _is_text(text)
        node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if doubtful else None)
        return node

    Dumper.add_representer(str, represent_text)
    plain = json.loads(to_json(value, indent=False))
    document = yaml.dump(plain, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100)
    document = document.removesuffix("...\n") if not isinstance(plain, dict | list) else document
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", document).rstrip("\n")


def _is_text(text: str) -> bool:
    try:
        return isinstance(read_scalar(text), str)
    except ValueError:
        return False


def format_cell(value: Any) -> str:
    """A value on one line: text as it is, nothing for null, a list of scalars with commas, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return escape_to_line(value)
    if isinstance(value, list | tuple) and value and not any(isinstance(one, Mapping | list | tuple) for one in value):
        return ", ".join(format_cell(one) for one in value)
    return to_json(value, indent=False)


def format_fields(values: Mapping[str, Any]) -> Iterator[str]:
    """One `name: value` a line, aligned. Null is left out; text of several lines, maps and sentences stand below."""
    members = {escape_to_line(name): value for name, value in values.items() if value is not None}
    width = max(map(len, members), default=0) + 1
    for name, value in members.items():
        if isinstance(value, str) and "\n" in value.strip("\n"):
            yield f"{name}:"
            yield from (f"  {line}" for line in escape_controls(value.strip("\n")).split("\n"))
        elif _is_nested(value):
            yield f"{name}:"
            yield from (f"  {line}" for line in to_yaml(value).split("\n"))
        elif isinstance(value, list) and any(" " in one for one in value if isinstance(one, str)):  # sentences
            yield f"{name}:"
            yield from (f"  {format_cell(one)}" for one in value)
        else:
            yield f"{name + ':':<{width}} {format_cell(value)}".rstrip()


def _is_nested(value: Any) -> bool:
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return bool(members) and (isinstance(value, Mapping) or any(isinstance(one, Mapping | list) for one in members))


def format_list(values: Mapping[str, Any]) -> Iterator[str]:
    """One `name: value` a line, not aligned, everything on its line: what grep and awk read."""
    return (
        f"{escape_to_line(name)}: {format_cell(value)}".rstrip() for name, value in values.items() if value is not None
    )


def format_count(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
