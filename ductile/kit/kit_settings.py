"""How a plugin wants to be tested: `tests/kit.yaml`, and a case in each `tests/*.json`."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ductile.document.field_errors import value_error
from ductile.document.problem import did_you_mean
from ductile.document.read import read_document
from ductile.kit.errors import BadSettings

TESTS_FOLDER = "tests"
SETTINGS_FILE = "kit.yaml"

Json = dict[str, Any]


def _check_inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in path:
        message = f"must be a path inside the scratch folder, without `..`, not {path!r}"
        raise value_error(message)
    return path


PathInside = Annotated[str, AfterValidator(_check_inside)]


class Section(BaseModel):
    """A map of known keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(Section):
    """`tests/kit.yaml`: what all runs have in common."""

    config: Json = Field(default_factory=dict)
    env: dict[str, str] = Field(default_factory=dict)
    files: dict[PathInside, str] = Field(default_factory=dict)
    """Path below the working directory → text."""
    skip: dict[str, str] = Field(default_factory=dict)
    """Command → why it is not run."""


class Expectation(Section):
    """What a case must answer; what is not said is not compared."""

    status: str = Field(default="ok", pattern="^(ok|error)$")
    result: Any = None
    error: str | None = None
    """A piece of the error."""
    retry: bool | None = None
    events: list[str] | None = None
    """The types of the events, in order."""
    state_updates: Json | None = None


class Case(Section):
    """`tests/<name>.json`: one request and what must come back."""

    command: str
    payload: Json = Field(default_factory=dict)
    config: Json | None = None
    """Over the one of `tests/kit.yaml`."""
    state: Json = Field(default_factory=dict)
    context: Json = Field(default_factory=dict)
    expect: Expectation = Expectation()


_Model = TypeVar("_Model", bound=Section)


def read_settings(folder: Path) -> Settings:
    """The settings of `tests/kit.yaml`, or defaults where there is none. Raises BadSettings."""
    path = folder / TESTS_FOLDER / SETTINGS_FILE
    if not path.exists():
        return Settings()
    document = read_document(path)
    if document.problems:
        raise BadSettings(what=path, reason=str(document.problems[0]))
    try:
        return Settings.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        mark = document.marks.of(first["loc"])
        raise BadSettings(what=mark, reason=_first_mistake(Settings, error)) from None


def read_cases(folder: Path) -> dict[str, Case]:
    """File name → the case in it, in name order. Raises BadSettings."""
    return {path.name: _read_case(path) for path in sorted((folder / TESTS_FOLDER).glob("*.json"))}


def _read_case(path: Path) -> Case:
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BadSettings(what=path, reason=error.strerror) from None
    except ValueError as error:
        raise BadSettings(what=path, reason=f"it is not JSON: {error}") from None
    try:
        return Case.model_validate(value)
    except ValidationError as error:
        raise BadSettings(what=path, reason=_first_mistake(Case, error)) from None


def _first_mistake(model: type[_Model], error: ValidationError) -> str:
    """The first mistake in a sentence."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known_keys: Mapping[str, Any] = (
            Expectation.model_fields if first["loc"][:1] == ("expect",) else model.model_fields
        )
        name = str(first["loc"][-1])
        hint = did_you_mean(name, known_keys) or f"; the keys are {', '.join(known_keys)}"
        return f"`{where}` is no key of it{hint}"
    if first["type"] == "missing":
        return f"it needs `{where}`"
    message = first.get("ctx", {}).get("message") or first["msg"]
    return f"`{where}` {message}" if where else f"it must be a map of keys ({message})"
