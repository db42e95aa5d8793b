"""The stdout of a one-shot plugin, taken apart: JSON values, and lines of plain text between them."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Any

import orjson
from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType
from msgspec import json as msgspec_json

from ductile.errors import DuctileError
from ductile.model.json_reader import read_json
from ductile.model.json_size import holds_more_values
from ductile.model.output import OutputRules, excess

_SPACE = re.compile(rb"[ \t\n\r]*")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]]', re.DOTALL)
"""A string (to the very end where nothing closes it, so that nothing is looked at twice) or a bracket."""
_OPENS, _CLOSES = b"{[", b"}]"
_LIKE_OBJECT = re.compile(rb'\{\s*(["}]|$)')

MAX_DEPTH = 1024
"""Levels that a value may nest to be read at all."""

LARGE_BYTES = 65_536
"""Bytes of stdout from which its lists are counted first."""

_MAX_SCANS = 4
"""How often the whole may be looked through for the ends of values that do not end on their line."""

_SHOWN_CHARACTERS = 80
"""Characters of a wrong value that a reason shows."""


class Unreadable(DuctileError):
    """The plugin's output is no protocol-2 response: {reason}."""

    code = "protocol_error"
    status = 502

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


class OverBudget(Unreadable):
    """The plugin's output is more than it may be: {reason}."""


class PlainText(Struct, frozen=True):
    """A line that is no JSON, and where it begins."""

    line: bytes
    at: int

    @property
    def text(self) -> str:
        """The line as a log message."""
        return self.line.decode(errors="replace").rstrip("\r")


def split_stdout(stdout: bytes, rules: OutputRules) -> list[Any]:
    """All JSON values of stdout in their order, with lines of plain text before the last of them as `PlainText`.

    The last is always a JSON value. Raises Unreadable, OverBudget.
    """
    if not holds_more_values(stdout, rules.max_values):
        if len(stdout) > LARGE_BYTES:
            _check_counts(stdout, rules)
        try:
            return [read_json(stdout)]  # nothing but the response, as most plugins write
        except orjson.JSONDecodeError:
            pass
    parts: list[Any] = []
    for part in _parts(stdout, rules.max_values):
        parts.append(part)
        if len(parts) > rules.max_lines:
            raise OverBudget(reason=f"it wrote {excess('max_lines', rules.max_lines, 'lines before its response')}")
    if not parts:
        raise Unreadable(reason="stdout is empty")
    if isinstance(parts[-1], PlainText):
        raise Unreadable(reason=_no_response(stdout, parts, rules.max_values))
    return parts


class _Counts(Struct):
    events: list[Raw] | UnsetType = UNSET
    logs: list[Raw] | UnsetType = UNSET


def _check_counts(stdout: bytes, rules: OutputRules) -> None:
    """Refuses a large response for its many events or logs before its values are made: that holds up all threads."""
    try:
        counts = msgspec_json.decode(stdout, type=_Counts)
    except (DecodeError, RecursionError):
        return
    check_count("events", counts.events or (), rules.max_events)
    check_count("logs", counts.logs or (), rules.max_log_entries)


def check_count(member: str, entries: Sequence[Any], limit: int) -> None:
    """Raises OverBudget where a member of the response has too many entries."""
    if len(entries) > limit:
        name, what = ("max_events", "events") if member == "events" else ("max_log_entries", "log entries")
        raise OverBudget(reason=f"`{member}` has {len(entries):,} entries, {excess(name, limit, what)}")


def _read(data: memoryview, most: int) -> Any:
    """The value of a part of stdout. Raises orjson.JSONDecodeError, or OverBudget where it has too many values."""
    if len(data) > most and holds_more_values(bytes(data), most):
        raise OverBudget(reason=f"it wrote {excess('max_values', most, 'JSON values')}")
    return read_json(data)


def _parts(stdout: bytes, most: int) -> Iterator[Any]:
    scanned, at = 0, _skip_space(stdout, 0)
    while at < len(stdout):
        end = stdout.find(b"\n", at)
        end = len(stdout) if end < 0 else end
        try:
            yield _read(memoryview(stdout)[at:end], most)
        except orjson.JSONDecodeError:
            reach = 0
            if stdout[at] in _OPENS and scanned < _MAX_SCANS * len(stdout):
                reach, looked = _end_of_value(stdout, at)
                scanned += looked
            try:
                yield _read(memoryview(stdout)[at:reach], most)
                end = reach
            except orjson.JSONDecodeError:
                yield PlainText(stdout[at:end].rstrip(), at)
        at = _skip_space(stdout, end)


def _end_of_value(stdout: bytes, at: int) -> tuple[int, int]:
    """Where the brackets that open at `at` are all closed, or `at` where they never are; and how much was looked at."""
    depth = 0
    for token in _TOKEN.finditer(stdout, at):
        first = token[0][0]
        if first in _OPENS:
            depth += 1
            if depth > MAX_DEPTH:
                return at, token.end() - at
        elif first in _CLOSES:
            depth -= 1
            if depth <= 0:
                return token.end(), token.end() - at
    return at, len(stdout) - at


def _skip_space(stdout: bytes, at: int) -> int:
    match = _SPACE.match(stdout, at)
    return match.end() if match else at


def _no_response(stdout: bytes, parts: list[Any], most: int) -> str:
    """Why the last part is no response. Raises OverBudget."""
    last: PlainText = parts[-1]
    try:
        stdout.decode()
    except UnicodeDecodeError as error:
        return f"stdout is not UTF-8: byte {error.start} is 0x{stdout[error.start]:02x}"
    for part in [*_objects_at_end(stdout, parts), last]:
        if stdout[part.at] in _OPENS and (fault := _fault(stdout, part.at, most)):
            return fault
    if all(isinstance(part, PlainText) for part in parts):
        return f"stdout is not JSON: it printed no response, but plain text: {both_ends(_join(parts))}"
    return (
        f"stdout is not JSON: after the last JSON value it printed {both_ends(last.text)}, and the response comes last"
    )


def _objects_at_end(stdout: bytes, parts: list[Any]) -> list[PlainText]:
    """The first lines behind the last JSON value that begin as an object does: a response over several lines."""
    trailing = list(takewhile(lambda part: isinstance(part, PlainText), reversed(parts)))
    begun = (part for part in reversed(trailing) if looks_like_object(stdout[part.at : part.at + _SHOWN_CHARACTERS]))
    return list(islice(begun, _MAX_SCANS))


def _join(parts: list[Any]) -> str:
    """The first and the last lines are enough to be shown."""
    few = parts if len(parts) <= _SHOWN_CHARACTERS else [*parts[: _SHOWN_CHARACTERS // 2], *parts[-40:]]
    return "\n".join(part.text for part in few)


def _fault(stdout: bytes, at: int, most: int) -> str | None:
    """What breaks the JSON that begins here; None where it only begins like JSON. Raises OverBudget."""
    rest = memoryview(stdout.rstrip())[at:]
    try:
        _read(rest, most)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg or "ecursion" in error.msg:
            return "stdout is nested too deeply"
        if stdout[at] == ord("{") and not looks_like_object(stdout[at : at + _SHOWN_CHARACTERS]):
            return None
        where = len(stdout[:at].decode()) + error.pos
        near = bytes(rest).decode()[max(0, error.pos - 20) :]
        return f"stdout is not JSON: {error.msg.split(':')[0]} at character {where + 1}, near {preview(near)}"
    return None


def looks_like_object(line: bytes) -> bool:
    """Whether a line begins as a JSON object does, so that it was meant to be one."""
    return _LIKE_OBJECT.match(line) is not None


def preview(text: str) -> str:
    """The beginning of a text, in quotes."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")


def both_ends(text: str, limit: int = 2 * _SHOWN_CHARACTERS) -> str:
    """Both ends of a text, in quotes."""
    return repr(cut_middle(text, limit))


def cut_middle(text: str, limit: int) -> str:
    """The text, or its two ends with a note of how much was cut between them."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 2], text[len(text) - (limit - limit // 2) :]
    return f"{head} … {len(text) - limit:,} characters cut … {tail}"
