"""Settings from environment variables: `DUCTILE_API__LISTEN=…` is a layer over all files, each value with its variable.

A variable changes what is there: a setting that the schema has, or a key that a file defines. Its keys match ignoring
case and `-`/`_`, and several matches are an error. The value of a text setting is taken as it is; any other is typed
as what `${}` gives, and `[…]`, `{…}`, `"…"` and `'…'` are read as YAML, of which JSON is a part. `${}` is not
expanded. A map is merged into the files' map, a list takes the place of the files' list as a whole.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct
from pydantic import create_model
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from ductile.config.dotenv import Variable
from ductile.config.schema.configuration import Configuration
from ductile.config.setting_types import single_type_at
from ductile.document.locations import Location, Marks, VariableText
from ductile.document.model_types import keys_of, model_at, type_at
from ductile.document.override_names import OVERRIDE_DELIMITER, OVERRIDE_PREFIX
from ductile.document.paths import value_at
from ductile.document.problem import Mark, Problem, did_you_mean
from ductile.document.problem import Path as YamlPath
from ductile.document.read import Document, read_text
from ductile.document.redactor import is_secret_name
from ductile.document.secret_values import secrets_below, secrets_in
from ductile.document.yaml_builder import MAX_DEPTH
from ductile.document.yaml_scalar import exact_scalar, has_surrogates, read_scalar
from ductile.model.json_reader import read_json

_READ_BEFORE = ("include", "environment_vars")
"""Sections that say where variables come from, so that none can change them."""
_SINGLE = (str, int, bool)
"""Types of settings that hold no keys."""
NOTHING = frozenset({"", "~", "null"})
"""What takes a value away."""
_QUOTED = frozenset("[{\"'")
"""What a value begins with that is read as YAML."""


class Override(Struct, frozen=True, kw_only=True):
    """One variable as a layer of its own."""

    document: Document
    folder: Path
    """What a relative path in it is relative to."""


class Overrides(Struct, frozen=True, kw_only=True):
    """All variables that are settings, in the order in which they are laid over the files."""

    layers: tuple[Override, ...]
    problems: tuple[Problem, ...]
    secrets: frozenset[str]
    """Values of at least 8 characters under keys that are named as secrets, and passwords in addresses."""


class _Files(Struct, frozen=True, kw_only=True):
    """The keys that a variable may set: those of the model, and those that files define."""

    model: type[Configuration]
    value: Any
    """What the files hold."""


class _Variables(BaseSettings):
    """How variables are named."""

    model_config = SettingsConfigDict(env_prefix=OVERRIDE_PREFIX, env_nested_delimiter=OVERRIDE_DELIMITER)


@cache
def _settings_model(model: type[Configuration]) -> type[BaseSettings]:
    """The configuration as pydantic-settings sees it."""
    return create_model("_Settings", __base__=(model, _Variables))  # type: ignore[arg-type]


class _Source(EnvSettingsSource):
    """What pydantic-settings makes of one variable: its value, nested below the keys that its name is made of."""

    def __init__(self, name: str, value: str, model: type[Configuration]) -> None:
        self._given = {name.lower(): value}
        super().__init__(_settings_model(model))

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._given

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:  # noqa: ARG002 - its signature
        """Leave the text as it is: what it means depends on the path, which is found later."""
        return value

    def keys(self) -> tuple[str, ...]:
        """The keys that the name is made of; none where no section has the first one."""
        keys: list[str] = []
        inside: Any = self()
        while isinstance(inside, dict) and inside:
            ((key, inside),) = inside.items()
            keys.append(key)
        return tuple(keys)


class _Refused(Exception):
    """A variable that sets nothing; carries the rest of a sentence that begins with its name."""

    def __init__(self, *, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def read_overrides(
    value: Any, variables: Mapping[str, Variable], model: type[Configuration], *, whole: bool
) -> Overrides:
    """The variables as layers over what the files hold.

    Where the files are not `whole`, since one could not be read, nobody can say which keys they would have defined: a
    variable that matches none is passed over.
    """
    files = _Files(model=model, value=value)
    found: dict[YamlPath, str] = {}
    layers: list[tuple[YamlPath, Override]] = []
    problems: list[Problem] = []
    secrets: set[str] = set()
    for name, variable in sorted(variables.items()):
        secrets.update(secrets_in(name, variable.value))
        try:
            path = _path_of(name, variable.value, files)
            _once(path, found.setdefault(path, name), name)
            value = _value(variable.value, path, variable.mark, files)
        except _Refused as refused:
            if whole or refused.code != "unknown_key":
                message = f"`{name}` {refused.message}"
                problems.append(Problem(code=refused.code, message=message, mark=variable.mark))
            continue
        layers.append((path, Override(document=_layer(path, value, variable, name), folder=variable.folder)))
        secrets.update(_secrets(str(path[-1]), value, variable.value))
    layers.sort(key=lambda layer: len(layer[0]))
    return Overrides(layers=tuple(layer for _, layer in layers), problems=tuple(problems), secrets=frozenset(secrets))


def _once(path: YamlPath, first: str, name: str) -> None:
    if first != name:
        raise _Refused(code="duplicate", message=f"sets {_named(path)}, and so does `{first}`; unset one of them")


def _path_of(name: str, value: str, files: _Files) -> YamlPath:
    if name.count(OVERRIDE_DELIMITER) > MAX_DEPTH:
        raise _Refused(code="unknown_key", message=f"sets nothing: no file nests deeper than {MAX_DEPTH} levels")
    keys = _Source(name, value, files.model).keys()
    keys = keys or tuple(name.removeprefix(OVERRIDE_PREFIX).lower().split(OVERRIDE_DELIMITER))
    ways = list(_ways(keys, (), files))
    whole = sorted(path for path, left in ways if not left)
    if len(whole) > 1:
        raise _Refused(
            code="ambiguous", message=f"could set {' or '.join(_named(path) for path in whole)}; rename one of them"
        )
    path, left = max(ways, key=lambda way: (not way[1], len(way[0])))
    if path[:1] and path[0] in _READ_BEFORE:
        raise _Refused(
            code="bad_value", message=f"cannot set `{path[0]}`: it says where variables come from; write it in a file"
        )
    if left:
        raise _unmatched(path, left, files)
    return path


def _ways(keys: tuple[str, ...], at: YamlPath, files: _Files) -> Iterator[tuple[YamlPath, tuple[str, ...]]]:
    """Every path that the keys lead to, and the keys that were left where it ends."""
    yield at, keys
    known = [(key, _plain(key)) for key in _known(at, files)]
    for count in range(1, len(keys) + 1):
        word = _plain(OVERRIDE_DELIMITER.join(keys[:count]))  # a key may have `__` in it
        for key, plain in known:
            if plain == word:
                yield from _ways(keys[count:], (*at, key), files)


def _plain(key: str) -> str:
    return key.lower().replace("-", "_")


def _known(at: YamlPath, files: _Files) -> list[str]:
    """The keys below a path: those of the schema, else those that the files define there."""
    section = model_at(files.model, at)
    if section is not None:
        return keys_of(section)
    value = value_at(files.value, at)
    return list(value) if isinstance(value, Mapping) else []


def _unmatched(at: YamlPath, left: tuple[str, ...], files: _Files) -> _Refused:
    """What to say of a variable whose first keys lead to `at`, where the next is not known."""
    there = value_at(files.value, at)
    if isinstance(there, list) or str(type_at(files.model, at)).startswith(("list", "tuple")):
        return _Refused(code="bad_value", message=_into_list(at))
    if not left[0]:
        return _Refused(
            code="unknown_key", message=f"sets nothing: it has no key where `{OVERRIDE_DELIMITER}` wants one"
        )
    if type_at(files.model, at) is Any and model_at(files.model, at[:-1]) is not None:
        return _Refused(code="not_in_this_version", message=f"sets nothing: {_named(at)} is not in this version")
    known = _known(at, files)
    near = did_you_mean(_plain(left[0]), {_plain(key) for key in known})
    hint = ""
    if near:
        meant = near.split("`")[1]
        hint = f"; did you mean `{_variable((*at, meant, *left[1:]))}`?"
    if model_at(files.model, at) is not None:
        where = _named(at) if at else "the configuration"
        return _Refused(code="unknown_key", message=f"sets nothing: {where} has no key `{left[0]}`{hint}")
    single = type_at(files.model, at) in _SINGLE or not (there is None or isinstance(there, Mapping))
    if not single:
        path = _named((*at, left[0]))
        advice = hint or "; a variable changes a key that a file defines, so write it there first"
        return _Refused(code="unknown_key", message=f"sets nothing: no file has {path}{advice}")
    return _Refused(code="bad_value", message=f"sets nothing: {_named(at)} is no map, so it has no key `{left[0]}`")


def _into_list(at: YamlPath) -> str:
    if len(at) == 1:
        return f"reaches into {_named(at)}, a list that only files hold"
    return f"reaches into a list: set {_named(at)} as a whole, such as `{_variable(at)}=[…]`, in JSON"


def _variable(path: YamlPath) -> str:
    return OVERRIDE_PREFIX + OVERRIDE_DELIMITER.join(_plain(str(part)).upper() for part in path)


def _named(path: YamlPath) -> str:
    return f"`{'.'.join(str(part) for part in path)}`"


def _value(text: str, path: YamlPath, mark: Mark, files: _Files) -> Any:
    """What the text means as the value of this path."""
    if has_surrogates(text):
        raise _Refused(code="bad_value", message="is not UTF-8")
    if type_at(files.model, path) is str:
        return text
    start = text.strip()
    value = _quoted(start, path, mark) if start[:1] in _QUOTED else _scalar(text, path, files)
    if value is None and (
        isinstance(value_at(files.value, path), Mapping | list) or model_at(files.model, path) is not None
    ):
        message = f"is empty, and {_named(path)} is no single value; unset it, or write `{{}}` or `[]`"
        raise _Refused(code="bad_value", message=message)
    return value


def _scalar(text: str, path: YamlPath, files: _Files) -> Any:
    if single_type_at(files.model, path) is None:
        plain = text.strip()
        if plain in NOTHING:
            return None
        return text if is_secret_name(str(path[-1])) else _kept(text, exact_scalar(plain))
    try:
        value = read_scalar(text.strip())
    except ValueError as error:
        raise _Refused(code="bad_value", message=f"is no value for {_named(path)}{_detail(path, str(error))}") from None
    return _kept(text, value)


def _kept(text: str, value: Any) -> Any:
    """The value; a text with the spaces around it."""
    return text if isinstance(value, str) else value


def _quoted(text: str, path: YamlPath, mark: Mark) -> Any:
    document = read_text(text, file=mark.file)
    if not document.problems:
        return document.value
    try:  # JSON may hold what YAML does not: a tab before a key, half of an emoji
        value = read_json(text) if document.problems[0].code == "yaml" else None
    except orjson.JSONDecodeError:
        value = None
    if value is None:
        detail = _detail(path, document.problems[0].message)
        message = f"is no value for {_named(path)}{detail}; write a list or map as JSON, and a text in quotes"
        raise _Refused(code="bad_value", message=message)
    return value


def _detail(path: YamlPath, sentence: str) -> str:
    """What exactly is wrong; it may quote the value, so nothing is said of a secret."""
    return "" if any(is_secret_name(str(part)) for part in path) else f": {sentence}"


def _layer(path: YamlPath, value: Any, variable: Variable, name: str) -> Document:
    mark = variable.mark
    place = _place(value, mark)
    if place.children is None and variable.value.strip()[:1] not in _QUOTED:
        place = place._replace(given=VariableText(variable.value.strip(), (name,)))
    for key in reversed(path):
        value, place = {key: value}, _at(mark, {str(key): place})
    return Document(file=mark.file, value=value, marks=Marks(place))


def _place(value: Any, mark: Mark) -> Location:
    if isinstance(value, dict):
        return _at(mark, {key: _place(member, mark) for key, member in value.items()})
    return _at(mark, [_place(member, mark) for member in value] if isinstance(value, list) else None)


def _at(mark: Mark, children: dict[str, Location] | list[Location] | None) -> Location:
    return Location(mark.file, mark.line, mark.column, mark.line, mark.column, plain=False, children=children)


def _secrets(name: str, value: Any, text: str) -> Iterator[str]:
    """The secrets below a key, as they are meant and as the variable writes a single one."""
    yield from secrets_below(name, value)
    if not isinstance(value, Mapping | list):
        yield from secrets_in(name, text)
