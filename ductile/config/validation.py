"""What pydantic found, in our own sentences and with marks; and the sound rest of a faulty configuration."""

import inspect
from collections.abc import Mapping
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ductile.config.load import Layers
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.section import GONE, Section
from ductile.config.setting_types import member_type
from ductile.document.field_errors import quote_value
from ductile.document.locations import Marks
from ductile.document.problem import Path, Problem, did_you_mean

MAX_ROUNDS = 8
"""Taking out what is wrong may leave a required key missing, whose section goes next; sections nest less deep."""

_AT_KEY = frozenset({"unknown_key", "not_in_this_version"})
_KINDS = {
    "model_type": "a map of keys",
    "model_attributes_type": "a map of keys",
    "dict_type": "a map of keys",
    "list_type": "a list",
}


def validate(layers: Layers) -> tuple[Configuration, list[Problem]]:
    """The configuration without what is wrong in it, and everything that is wrong in it."""
    value: Any = layers.value
    problems: list[Problem] | None = None
    for _ in range(MAX_ROUNDS):
        try:
            return layers.model.model_validate(value), problems or []
        except ValidationError as error:
            found = error.errors(include_url=False)
            if problems is None:
                problems = [_problem(one, layers) for one in _without_consequences(found, layers.model)]
            value = _without(value, [_fault_path(one, layers.model) for one in found])
    return layers.model(), problems or []


def problem_at(code: str, message: str, path: Path, marks: Marks, *, severity: str = "error") -> Problem:
    """A problem with its mark: at the key where the key itself is wrong, else at its value."""
    mark = marks.key(path) if code in _AT_KEY else marks.of(path)
    return Problem(code=code, message=message, path=path, mark=mark, severity=severity)


def with_mark(problem: Problem, marks: Marks) -> Problem:
    """The same problem with a mark, where it had none."""
    if problem.mark is not None:
        return problem
    return problem_at(problem.code, problem.message, problem.path, marks, severity=problem.severity)


def name_of(path: Path, marks: Marks | None = None) -> str:
    """A path as a sentence names it: `timeout`, or `scopes[1]`; no deeper than it was written."""
    while marks is not None and len(path) > 1 and not marks.knows(path):
        path = path[:-1]
    if len(path) > 1 and isinstance(path[-1], int):
        return f"`{path[-2]}[{path[-1]}]`"
    return f"`{path[-1]}`" if path else "the configuration"


def _without_consequences(errors: list[ErrorDetails], model: type[Configuration]) -> list[ErrorDetails]:
    """Without keys that are missing only because they are misspelt, or because their section is of a later version."""
    excused: set[Path] = set()
    for error in errors:
        *at, key = _path(error) or ("",)
        if error["type"] == "extra_forbidden":
            known = keys_of(section_at(model, tuple(at)))
            excused |= {(*at, meant) for meant in known if did_you_mean(str(key), [meant])}
        elif error["type"] == "not_in_this_version":
            excused |= {(*at, meant) for meant in keys_of(section_at(model, tuple(at)))}
    return [error for error in errors if error["type"] != "missing" or _path(error) not in excused]


def _problem(error: ErrorDetails, layers: Layers) -> Problem:
    path, marks = _path(error), layers.marks
    kind = error["type"]
    if kind == "extra_forbidden":
        section = section_at(layers.model, path[:-1])
        hint = did_you_mean(str(path[-1]), keys_of(section))
        return problem_at("unknown_key", f"{name_of(path)} is no key of {_noun(section)}{hint}", path, marks)
    if kind == "missing":
        message = f"{_noun(section_at(layers.model, path[:-1]))} needs {name_of(path)}"
        return problem_at("missing", message, path[:-1], marks)
    if kind in _KINDS:
        return problem_at(
            "bad_value",
            f"{name_of(path, marks)} must be {_KINDS[kind]}, not {quote_value(error['input'])}",
            path,
            marks,
        )
    if "message" in error.get("ctx", {}):
        message = error["ctx"]["message"]
        return problem_at(kind, f"{name_of(path, marks)}{'' if message.startswith(':') else ' '}{message}", path, marks)
    return problem_at("bad_value", f"{name_of(path, marks)} cannot be {quote_value(error['input'])}", path, marks)


def _path(error: ErrorDetails) -> Path:
    return tuple(part for part in error["loc"] if part != "[key]")


def _fault_path(error: ErrorDetails, model: type[Configuration]) -> Path:
    """What to take out: the wrong value (all of a tuple, such as addresses), or the section that lacks a key."""
    path = _path(error)
    in_tuple = get_origin(kind_at(model, path[:-1])) is tuple
    return path[:-1] if in_tuple or error["type"] == "missing" else path


def _without(value: Any, paths: list[Path]) -> Any:
    heads = {path[0] for path in paths if len(path) == 1}
    deeper: dict[str | int, list[Path]] = {}
    for path in paths:
        if len(path) > 1 and path[0] not in heads:
            deeper.setdefault(path[0], []).append(path[1:])
    if isinstance(value, Mapping):
        return {
            key: _without(member, deeper[key]) if key in deeper else member
            for key, member in value.items()
            if key not in heads
        }
    if isinstance(value, list):
        return [
            GONE if index in heads else _without(member, deeper[index]) if index in deeper else member
            for index, member in enumerate(value)
        ]
    return value


def kind_at(model: type[Configuration], path: Path) -> Any:
    """The type that stands at a path of this configuration; None where anything may."""
    kind: Any = model
    for part in path:
        kind = member_type(kind, part)
    return kind


def section_at(model: type[Configuration], path: Path) -> type[Section] | None:
    """The section's model that stands at a path of this configuration."""
    kind = kind_at(model, path)
    return kind if inspect.isclass(kind) and issubclass(kind, Section) else None


def keys_of(section: type[Section] | None) -> list[str]:
    """The keys of a section, as they are written."""
    return [field.alias or name for name, field in section.model_fields.items()] if section else []


def _noun(section: type[Section] | None) -> str:
    return getattr(section, "noun", "its section")
