"""Reads a YAML file into values, each with its place. Bad YAML is a problem of the document, never an exception."""

import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from ductile.document.locations import Location, Marks, start_of_file
from ductile.document.problem import Mark, Problem
from ductile.document.yaml_builder import Builder, UnreadableDocument

KNOWN_FILES = 2048


class Document(Struct, frozen=True, kw_only=True, eq=False, weakref=True):
    """What a file holds. Shared between readers: nobody changes `value` in place. Compared by identity."""

    file: str
    """The name that marks show."""
    value: Any
    """JSON values; `{}` where the file is empty or cannot be read. Top-level `x-…` keys are left out."""
    marks: Marks
    problems: tuple[Problem, ...] = ()


def read_document(path: Path, *, name: str | None = None) -> Document:
    """The document in a file; `name` is how marks show it (the whole path by default).

    A file whose text did not change is not parsed again.
    """
    shown = name if name is not None else str(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "no regular file"
            return _unread(shown, "unreadable_file", f"this is {what}, where a YAML file is expected")
        raw = path.read_bytes()
    except FileNotFoundError:
        return _unread(shown, "missing_file", "there is no such file")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _unread(shown, "unreadable_file", f"the file cannot be read: {reason}")
    try:
        return read_text(raw.decode("utf-8-sig"), file=shown)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        message = f"the byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return _empty(shown, Problem(code="yaml", message=message, mark=Mark(shown, line, column)))


def read_text(text: str, *, file: str) -> Document:
    """The document in a text; `file` is the name its marks show. Of each file the last text is remembered."""
    last = _last(file)
    for known, document in last:
        if known == text:
            return document
    document = _read(text, file)
    last[:] = [(text, document)]
    return document


@lru_cache(maxsize=KNOWN_FILES)
def _last(_file: str) -> list[tuple[str, Document]]:
    """Where the last text of a file is kept, and the document in it."""
    return []


def _read(text: str, file: str) -> Document:
    try:
        builder = Builder(text, file)
        value, place = builder.build()
    except UnreadableDocument as refused:
        return _empty(file, refused.problem)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        from ductile.document.yaml_errors import explain_yaml_error  # noqa: PLC0415 - its patterns take long to compile

        line, column, message = explain_yaml_error(error, text)
        return _empty(file, Problem(code="yaml", message=message, mark=Mark(file, line, column)))
    if value is None:
        value, place = {}, place._replace(children={})
    elif isinstance(value, dict) and any(key.startswith("x-") for key in value):
        value, place = _without_extensions(value, place)
    return Document(file=file, value=value, marks=Marks(place), problems=tuple(builder.problems))


def _without_extensions(value: dict[str, Any], place: Location) -> tuple[dict[str, Any], Location]:
    children: Any = place.children
    kept = [key for key in value if not key.startswith("x-")]
    return {key: value[key] for key in kept}, place._replace(children={key: children[key] for key in kept})


def _unread(file: str, code: str, message: str) -> Document:
    return _empty(file, Problem(code=code, message=message, mark=Mark(file, 1, 1)))


def _empty(file: str, problem: Problem) -> Document:
    return Document(file=file, value={}, marks=Marks(start_of_file(file)), problems=(problem,))
