"""`${VAR}`, `${VAR:-default}` and `${file:/path}` in the values of a document.

This happens after parsing, so that no value can inject YAML. Values arrive as they were written: a scalar without
quotes becomes a number only where that loses nothing, one in quotes stays text. Map keys are never expanded.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ductile.document.locations import Location, Marks, VariableText
from ductile.document.memoize import memoize_by_document
from ductile.document.problem import Mark, Problem, did_you_mean
from ductile.document.problem import Path as YamlPath
from ductile.document.read import Document
from ductile.document.redactor import is_secret_name
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS
from ductile.document.secret_values import embedded_secrets, secrets_in, secrets_of_file
from ductile.document.yaml_scalar import Scalar, exact_scalar, has_surrogates, read_scalar

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\})?")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_READ_BEFORE = (("include",), ("environment_vars", "include"))
"""Paths that are read before variables are known."""
_SUGGESTION_SIMILARITY = 0.8
"""How near a variable must be to be suggested: names of the environment share many words."""
FILE_PREFIX = "file:"
"""What a reference to a file begins with."""
_MAX_FILE_BYTES = 1 << 20
"""Bytes of a `${file:}`."""


class Expansion(Struct, frozen=True, kw_only=True):
    """A document's value with nothing left to expand. Where something could not be, the text stands as written."""

    value: Any
    marks: Marks
    """Those of the document, with what variables gave."""
    problems: tuple[Problem, ...]
    secrets: frozenset[str]
    """What `${file:}` read, texts and numbers of at least 8 characters whose variable or key is named as a secret, and
    passwords in addresses.
    """
    used: Mapping[str, str]
    """The variables that were read, and their values."""
    files: tuple[Path, ...] = ()
    """What `${file:}` read, or looked for."""


Kind = Callable[[YamlPath], type | None]
"""What a setting wants to be: `str`, `int`, `float` or `bool`; None where anything may stand."""


def any_type(path: YamlPath) -> None:
    """Nothing is known of any setting."""
    del path


def expand(document: Document, lookup: Mapping[str, str], *, root: Path, kind: Kind = any_type) -> Expansion:
    """The document with its `${}` replaced; `lookup` holds the variables.

    A scalar in quotes is text. One without is what its `kind` says. Where no kind is known it is text if a file or a
    secret gives it, and otherwise a number, `true` or `false` only if that is written just so. `root` is the folder
    that the names of files in the document's marks are relative to; a relative `${file:}` path is relative to the file
    that holds it.
    """
    still = _still(document)
    if still is not None:
        return still
    expander = _Expander(lookup, root, kind)
    value, place = expander.value(document.value, document.marks.root, "")
    return Expansion(
        value=value,
        marks=Marks(place),
        problems=tuple(expander.problems),
        secrets=frozenset(expander.secrets),
        used=expander.used,
        files=tuple(expander.files),
    )


@memoize_by_document
def _still(document: Document) -> Expansion | None:
    """A document in which nothing stands to be expanded, and so depends on nothing else; None for any other."""
    secrets: set[str] = set()
    if not _gather(document.value, "", secrets):
        return None
    return Expansion(value=document.value, marks=document.marks, problems=(), secrets=frozenset(secrets), used={})


def _gather(value: Any, name: str, secrets: set[str]) -> bool:
    """Adds the texts below a key that are secrets as they stand; False, half done, at the first `${`."""
    if isinstance(value, str):
        if "${" in value:
            return False
        secrets.update(secrets_in(name, value))
    elif isinstance(value, dict):
        for key, member in value.items():
            if not _gather(member, key, secrets):
                return False
    elif isinstance(value, list):
        for member in value:
            if not _gather(member, name, secrets):
                return False
    else:
        secrets.update(secrets_in(name, value))
    return True


class _Unexpandable(Exception):
    def __init__(self, *, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class _Expander:
    def __init__(self, lookup: Mapping[str, str], root: Path, kind: Kind) -> None:
        self._lookup = lookup
        self._kind = kind
        self._sources: list[str] = []
        """What the scalar at hand is made of."""
        self._root = root
        self._path: list[str | int] = []
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        self.used: dict[str, str] = {}
        self.files: list[Path] = []

    def value(self, value: Any, place: Location, name: str) -> tuple[Any, Location]:
        """The value expanded, and its place; `name` is the key it stands under, through lists."""
        children: Any = place.children
        if isinstance(value, str):
            return self._scalar(value, place, name)
        if isinstance(value, dict):
            made = {key: self._member(key, value[key], children[key], key) for key in value}
            inner = {**children, **{key: at for key, (_, at) in made.items()}}
            return {key: member for key, (member, _) in made.items()}, place._replace(children=inner)
        if isinstance(value, list):
            entries = [self._member(i, entry, children[i], name) for i, entry in enumerate(value)]
            return [entry for entry, _ in entries], place._replace(children=[at for _, at in entries])
        self.secrets.update(secrets_in(name, value))
        return value, place

    def _member(self, part: str | int, value: Any, place: Location, name: str) -> tuple[Any, Location]:
        self._path.append(part)
        expanded = self.value(value, place, name)
        self._path.pop()
        return expanded

    def _scalar(self, text: str, place: Location, name: str) -> tuple[Any, Location]:
        result: Any = text
        expanded = text
        if "${" in text:
            if self._is_read_before():
                self._refuse("bad_value", "`${}` cannot stand in a path that is read before variables are", place)
                return text, place
            self._sources = []
            try:
                expanded = result = _REFERENCE.sub(lambda found: self._one(found, place), text)
                if place.plain:
                    result = self._convert(expanded, name)
                    place = place._replace(given=VariableText(expanded, tuple(self._sources)))
            except _Unexpandable as error:
                self.secrets.update(secrets_in(name, text))
                self.secrets.update(one for found in _REFERENCE.finditer(text) for one in secrets_in(name, found[0]))
                self._refuse(error.code, error.message, place)
                return text, place
            except ValueError as error:
                self._refuse("bad_value", str(error), place)
                return text, place
        self.secrets.update(secrets_in(name, expanded))
        self.secrets.update(secrets_in(name, result))
        return result, place

    def _convert(self, text: str, name: str) -> Scalar:
        """What the text means here. Raises ValueError where a number is wanted that does not fit."""
        kind = self._kind(tuple(self._path))
        if kind is str:
            return text
        if kind is not None:
            return read_scalar(text)
        kept = any(source.startswith(FILE_PREFIX) or is_secret_name(source) for source in self._sources)
        return text if kept or is_secret_name(name) else exact_scalar(text)

    def _is_read_before(self) -> bool:
        path = tuple(self._path)
        return any(path[: len(start)] == start for start in _READ_BEFORE)

    def _one(self, found: re.Match[str], place: Location) -> str:
        if found[0] == "$${":
            return "${"
        if found[2] is None:
            raise _Unexpandable(
                code="bad_expansion", message="`${` is not closed by `}`; write `$${` for a literal `${`"
            )
        inside = found[1]
        if inside.startswith(FILE_PREFIX):
            self._sources.append(inside)
            return self._file(inside.removeprefix(FILE_PREFIX), place)
        variable = _VARIABLE.fullmatch(inside)
        if variable is None or "${" in inside:
            wanted = "write `${NAME}`, `${NAME:-default}` or `${file:/path}`, or `$${` for a literal `${`"
            raise _Unexpandable(code="bad_expansion", message=f"`{found[0]}` cannot be expanded; {wanted}")
        self._sources.append(variable[1])
        return self._variable(variable[1], variable[2])

    def _variable(self, name: str, default: str | None) -> str:
        value = self._lookup.get(name)
        if value is not None:
            if has_surrogates(value):
                raise _Unexpandable(code="bad_expansion", message=f"the value of the variable {name} is not UTF-8")
            self.used[name] = value
        if value is None or (value == "" and default is not None):
            if default is None:
                hint = did_you_mean(name, self._lookup, alike=_SUGGESTION_SIMILARITY) if len(name) > 1 else ""
                advice = f"set it, list its file under `environment_vars`, or write `${{{name}:-default}}`"
                raise _Unexpandable(
                    code="unset_variable", message=f"the variable {name} is not set{hint or f'; {advice}'}"
                )
            value = default
        if len(value) >= MIN_SECRET_CHARACTERS and is_secret_name(name):
            self.secrets.add(value)
        self.secrets.update(embedded_secrets(value))
        return value

    def _file(self, name: str, place: Location) -> str:
        if not name.strip():
            raise _Unexpandable(
                code="bad_expansion", message="`${file:}` needs a path, such as `${file:/run/secrets/token}`"
            )
        try:
            path = (self._root / place.file).parent / Path(name.strip()).expanduser()
            self.files.append(path)
            if not path.is_file():
                what = "is no file" if path.exists() else "does not exist"
                raise _Unexpandable(code="unreadable_file", message=f"`${{file:{name}}}` cannot be read: {path} {what}")
            raw = path.read_bytes()
            if len(raw) > _MAX_FILE_BYTES:
                raise _Unexpandable(
                    code="unreadable_file", message=f"`${{file:{name}}}` cannot be read: it is larger than 1 MiB"
                )
            text = raw.decode()
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise _Unexpandable(
                code="unreadable_file", message=f"`${{file:{name}}}` cannot be read: {reason}"
            ) from None
        text = text.removesuffix("\n").removesuffix("\r")
        if text.strip():
            self.secrets.update(secrets_of_file(text))
        return text

    def _refuse(self, code: str, message: str, place: Location) -> None:
        mark = Mark(place.file, place.line, place.column)
        self.problems.append(Problem(code=code, message=message, path=tuple(self._path), mark=mark))
