"""A line of a worker's stdout, and what it means."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType
from msgspec import json as msgspec_json

from ductile.model.json_reader import read_json
from ductile.model.json_size import holds_more_values
from ductile.model.output import DEFAULT_OUTPUT
from ductile.plugin.runner.frames import FRAME_MEMBERS

LARGE_BYTES = 65_536
"""Beyond this an answer's `id` is looked up without making values of all the rest: that is done once, off the loop."""

_LONGEST_ID = 1024
"""Bytes of an `id` that may be of a request."""

_ID = re.compile(rb'"id"\s*:\s*"([^"\\]{1,200})"')
_FIRST_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]{1,200})"\s*,\s*"(?!(?:log|progress)")')
"""An object that begins with its `id`, and is no frame."""
_OBJECT = re.compile(rb'\s*\{\s*(["}]|$)')


class TextLine(Struct, frozen=True):
    """A line that is not for the gateway: plain text, or JSON of another kind."""


class ObjectLine(Struct, frozen=True):
    """An object without `id`."""

    value: Mapping[str, Any]


class FrameLine(Struct, frozen=True):
    """`{"id", "log"}` or `{"id", "progress"}`."""

    id: Any
    value: Mapping[str, Any]


class AnswerLine(Struct, frozen=True):
    """An object with an `id`, which is the response to a request."""

    id: Any
    value: Mapping[str, Any] | None = None
    """The whole, where it has been read."""


class BrokenLine(Struct, frozen=True):
    """It begins as an object does and is none: an answer to the request of this `id`, where one can be read."""

    id: str | None


Message = TextLine | ObjectLine | FrameLine | AnswerLine | BrokenLine


class _Head(Struct):
    """The members that tell what a large object is."""

    id: Raw | UnsetType = UNSET
    status: Raw | UnsetType = UNSET
    log: Raw | UnsetType = UNSET
    progress: Raw | UnsetType = UNSET


def read_message(line: bytes, most_values: int = DEFAULT_OUTPUT.max_values) -> Message:
    """What the line says; of a large answer only its `id` is read.

    An object of more values than it may have is `Broken`: whoever reads it as an answer says why.
    """
    if not line.lstrip().startswith(b"{"):
        return TextLine()
    told: Message | None = _large_answer(line) if len(line) > LARGE_BYTES else None
    if told is None and holds_more_values(line, most_values):
        told = _broken_line(line)
    if told is not None:
        return told
    try:
        value = read_json(line)
    except orjson.JSONDecodeError:
        return _unread_line(line)
    if "id" not in value:
        return ObjectLine(value)
    if _is_frame(value):
        return FrameLine(value.pop("id"), value)
    return AnswerLine(value["id"], value)


def _is_frame(value: Mapping[str, Any]) -> bool:
    return len(value) == 2 and not FRAME_MEMBERS.isdisjoint(value)  # noqa: PLR2004 - the id and itself


def _unread_line(line: bytes) -> Message:
    """A line that is no JSON, or has a number that would be rounded: a frame of that kind is a line of text."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _broken_line(line)
    if not isinstance(value, dict) or ("id" in value and _is_frame(value)):
        return TextLine()
    return AnswerLine(value["id"]) if "id" in value else ObjectLine(value)


def _large_answer(line: bytes) -> AnswerLine | None:
    """The beginning tells most of them; a look through 10 MiB takes 20 ms and more."""
    if (found := _FIRST_ID.match(line)) is not None:
        return AnswerLine(found[1].decode(errors="replace"))
    try:
        head = msgspec_json.decode(line, type=_Head)
    except (DecodeError, RecursionError):
        return None
    frame = head.log is not UNSET or head.progress is not UNSET
    if head.id is UNSET or (frame and head.status is UNSET):
        return None
    return AnswerLine(msgspec_json.decode(head.id) if len(head.id) <= _LONGEST_ID else None)


def _broken_line(line: bytes) -> TextLine | BrokenLine:
    found = _ID.search(line)
    if found is not None and line.lstrip()[:1] == b"{":
        return BrokenLine(found[1].decode(errors="replace"))
    return (
        BrokenLine(None)
        if _OBJECT.match(line) or (line.lstrip().startswith(b"{'") and b"'status'" in line)
        else TextLine()
    )


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether an object without `id` was meant as an answer, and is no line of a log in JSON."""
    return value.get("status") in ("ok", "error") or "result" in value
