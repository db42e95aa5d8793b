"""What pydantic found, in our own sentences and with marks; and the sound rest of a faulty configuration."""

from collections.abc import Mapping
from typing import Any, get_origin

from msgspec.structs import replace
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ductile.config.load import Layers
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.section import GONE
from ductile.document.model_types import keys_of, model_at, type_at
from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.validation import error_path, explain_error

MAX_ROUNDS = 8
"""Taking out what is wrong may leave a required key missing, whose section goes next; sections nest less deep."""


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


def _without_consequences(errors: list[ErrorDetails], model: type[Configuration]) -> list[ErrorDetails]:
    """Without keys that are missing only because they are misspelt, or because their section is of a later version."""
    excused: set[Path] = set()
    for error in errors:
        *at, key = error_path(error) or ("",)
        if error["type"] == "extra_forbidden":
            known = keys_of(model_at(model, tuple(at)))
            excused |= {(*at, meant) for meant in known if did_you_mean(str(key), [meant])}
        elif error["type"] == "not_in_this_version":
            excused |= {(*at, meant) for meant in keys_of(model_at(model, tuple(at)))}
    return [error for error in errors if error["type"] != "missing" or error_path(error) not in excused]


def _problem(error: ErrorDetails, layers: Layers) -> Problem:
    problem = explain_error(error, layers.model, layers.marks, root="the configuration")
    return replace(problem, path=problem.path[:-1]) if problem.code == "missing" else problem


def _fault_path(error: ErrorDetails, model: type[Configuration]) -> Path:
    """What to take out: the wrong value (all of a tuple, such as addresses), or the section that lacks a key."""
    path = error_path(error)
    in_tuple = get_origin(type_at(model, path[:-1])) is tuple
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
