"""What pydantic finds wrong in a document, as problems in our own sentences and with marks."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ductile.document.field_errors import quote_value
from ductile.document.locations import Marks
from ductile.document.model_types import keys_of, model_at
from ductile.document.problem import Path, Problem, did_you_mean

_AT_KEY = frozenset({"unknown_key", "not_in_this_version", "legacy"})
_KINDS: Mapping[str, str] = {
    "model_type": "a map of keys",
    "model_attributes_type": "a map of keys",
    "dict_type": "a map of keys",
    "list_type": "a list",
    "int_parsing": "a whole number",
}


def explain_error(error: ErrorDetails, model: type[BaseModel], marks: Marks, *, root: str) -> Problem:
    """One error of a document that was validated by the model; `root` is what the document is called."""
    path, kind = error_path(error), error["type"]
    noun = _noun(model_at(model, path[:-1]))
    if kind == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), keys_of(model_at(model, path[:-1])))
        return problem_at("unknown_key", f"{name_of(path, root=root)} is no key of {noun}{hint}", path, marks)
    if kind == "missing":
        return problem_at("missing", f"{noun} needs {name_of(path, root=root)}", path, marks)
    name = name_of(path, marks, root=root)
    message = error.get("ctx", {}).get("message")
    if message is not None:
        return problem_at(kind, f"{name}{'' if message.startswith(':') else ' '}{message}", path, marks)
    value = quote_value(error["input"])
    said = f"must be {_KINDS[kind]}, not {value}" if kind in _KINDS else f"cannot be {value}"
    return problem_at("bad_value", f"{name} {said}", path, marks)


def error_path(error: ErrorDetails) -> Path:
    """Where an error is; that of a key is where its value is."""
    return tuple(part for part in error["loc"] if part != "[key]")


def problem_at(code: str, message: str, path: Path, marks: Marks, *, severity: str = "error") -> Problem:
    """A problem with its mark: at the key where the key itself is wrong, else at its value."""
    mark = marks.key(path) if code in _AT_KEY else marks.of(path)
    return Problem(code=code, message=message, path=path, mark=mark, severity=severity)


def with_mark(problem: Problem, marks: Marks) -> Problem:
    """The same problem with a mark, where it had none."""
    if problem.mark is not None:
        return problem
    return problem_at(problem.code, problem.message, problem.path, marks, severity=problem.severity)


def name_of(path: Path, marks: Marks | None = None, *, root: str) -> str:
    """A path as a sentence names it: `timeout`, or `scopes[1]`; no deeper than it was written."""
    while marks is not None and len(path) > 1 and not marks.knows(path):
        path = path[:-1]
    if len(path) > 1 and isinstance(path[-1], int):
        return f"`{path[-2]}[{path[-1]}]`"
    return f"`{path[-1]}`" if path else root


def _noun(model: Any) -> str:
    return getattr(model, "noun", "its section")
