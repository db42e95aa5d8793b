"""Finds the configuration and reads all its files into one value in which each part has its place."""

import os
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.config.dotenv import Variable, read_dotenv
from ductile.config.errors import ConfigNotFound
from ductile.config.old_spellings import modernize
from ductile.config.setting_types import type_at
from ductile.document.expand import expand
from ductile.document.locations import Marks
from ductile.document.memoize import memoize_by_document
from ductile.document.merge import merge
from ductile.document.override_names import is_override
from ductile.document.problem import Mark, Problem
from ductile.document.problem import Path as YamlPath
from ductile.document.read import Document, read_document, read_text

FILE = "config.yaml"
DEFAULT_STATE = "data/state.db"
"""Below the configuration's folder."""
SYSTEM_FOLDER = Path("/etc/ductile")
NO_TEXTS: Mapping[Path, str] = {}
UNREAD = frozenset({"yaml", "missing_file", "unreadable_file"})
"""Problems that keep a file's keys from being known."""


class Layers(Struct, frozen=True, kw_only=True):
    """All files of a configuration, expanded, in today's spelling, and merged; over them the environment."""

    value: dict[str, Any]
    marks: Marks
    problems: tuple[Problem, ...]
    secrets: frozenset[str]
    """What expansion and the names of keys say is secret."""
    root: Path
    """The folder of `config.yaml`."""
    names: tuple[str, ...]
    """The files as marks show them, in the order of reading."""
    files: tuple[Path, ...]
    """Every file that was read or looked for, those of `environment_vars` and `${file:}` too."""
    folders: tuple[Path, ...]
    """The folders that are included."""
    used: Mapping[str, str]
    """The variables that were expanded, and their values."""


def find_config(option: str | None, environ: Mapping[str, str]) -> Path:
    """The absolute path of `config.yaml`. Raises `ConfigNotFound`.

    The option names it or its folder, else `DUCTILE_CONFIG_DIR` does, else it is in one of the usual folders.
    """
    named = option or environ.get("DUCTILE_CONFIG_DIR")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path("~").expanduser()
    places = [named_path(named, Path.cwd())] if named else [home / ".config" / "ductile", SYSTEM_FOLDER]
    candidates = [place if _is_file(place) else place / FILE for place in places]
    found = next((candidate for candidate in candidates if _is_file(candidate)), None)
    if found is None:
        here = not named and _is_file(Path(FILE))
        hint = "; this folder has a config.yaml: `--config-dir .` takes it" if here else ""
        raise ConfigNotFound(looked_for=", ".join(str(candidate) for candidate in candidates), hint=hint)
    return found


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file() raises below a folder that may not be entered


def named_path(text: str, folder: Path) -> Path:
    """A path setting as an absolute path: `~` expanded, relative to the folder of the file that holds it."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # `~nobody`: a user that is not there
        path = Path(text)
    return _absolute(folder / path)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow symlinks: the folder may be one


def load_layers(location: Path, environ: Mapping[str, str], texts: Mapping[Path, str] = NO_TEXTS) -> Layers:
    """Reads `config.yaml` and all it includes. Whatever is wrong stands in `problems`; nothing is raised.

    A file that is in `texts` is read from there, as if the text had been written to it.
    """
    reader = _Reader(location.parent, texts)
    reader.read(location)
    problems = [*reader.problems]
    variables, files, found = _environment(reader.documents)
    problems += found
    lookup = {**{name: variable.value for name, variable in variables.items()}, **environ}
    secrets: set[str] = set()
    used: dict[str, str] = {}
    files += reader.missing
    layers: list[Document] = []
    for path, document in reader.documents.items():
        expanded = expand(document, lookup, root=location.parent, kind=type_at)
        secrets |= expanded.secrets
        used |= expanded.used
        files += expanded.files
        still = expanded.value is document.value
        value, marks, warnings = _modern(document) if still else modernize(expanded.value, expanded.marks)
        layers.append(replace(document, value=_resolved(value, path.parent), marks=marks))
        problems += [*document.problems, *expanded.problems, *warnings]
    whole = reduce(merge, layers)
    given = _settings(variables, environ, location.parent)
    if given:
        whole, wrong, hidden = _overridden(whole, given, problems)
        problems += wrong
        secrets |= hidden
    return Layers(
        value=whole.value,
        marks=whole.marks,
        problems=tuple(problems),
        secrets=frozenset(secrets),
        root=location.parent,
        names=tuple(document.file for document in reader.documents.values()),
        files=(*reader.documents, *(_absolute(file) for file in files)),
        folders=tuple(reader.folders),
        used=used,
    )


@memoize_by_document
def _modern(document: Document) -> tuple[Any, Marks, list[Problem]]:
    """A document in which nothing was expanded, in today's spelling."""
    return modernize(document.value, document.marks)


class _Reader:
    """Reads a file and what it includes, in the order in which they are merged, each file once."""

    def __init__(self, root: Path, texts: Mapping[Path, str]) -> None:
        self.root = root
        self.texts = texts
        self.documents: dict[Path, Document] = {}
        self.problems: list[Problem] = []
        self.folders: list[Path] = []
        self.missing: list[Path] = []
        self._read: set[str] = set()
        self._open: list[tuple[str, Path]] = []
        """The files whose includes are being read; two paths are one file if their real paths are the same."""

    def read(self, path: Path) -> None:
        """The file, then its includes, depth first."""
        text, name = self.texts.get(path), self._name(path)
        document = read_document(path, name=name) if text is None else read_text(text, file=name)
        if not isinstance(document.value, dict):
            message = "a configuration file must be a map of keys such as `service:`, and this is none"
            self.problems.append(Problem(code="bad_value", message=message, mark=document.marks.of(())))
            document = replace(document, value={}, marks=Marks(document.marks.root._replace(children={})))
        self.documents[path] = document
        real = os.path.realpath(path)
        self._read.add(real)
        self._open.append((real, path))
        for index, entry in _texts(document, ("include",)):
            self._include(named_path(entry, path.parent), entry, document, ("include", index))
        self._open.pop()

    def _include(self, path: Path, entry: str, document: Document, at: YamlPath) -> None:
        real = os.path.realpath(path)
        opened = [one for one, _ in self._open]
        if real in opened:
            names = [self._name(one) for _, one in self._open[opened.index(real) :]]
            message = f"these files include each other: {' → '.join((*names, names[0]))}"
            self._report("include_cycle", message, document, at)
        elif os.path.isdir(path):  # noqa: PTH112  # Path.is_dir() raises below a folder that may not be entered
            self._folder(path, entry, document, at)
        elif not os.path.exists(path):  # noqa: PTH110  # as above
            self.missing.append(path)
            self._report("missing_file", f"there is no file or folder `{entry}` (looked for {path})", document, at)
        elif real not in self._read:
            self.read(path)

    def _folder(self, folder: Path, entry: str, document: Document, at: YamlPath) -> None:
        self.folders.append(folder)
        try:
            inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            self._report("unreadable_file", f"the folder `{entry}` cannot be read: {error.strerror}", document, at)
            return
        for path in inside:
            if path.suffix == ".yaml" and path.is_file():
                self._include(path, path.name, document, at)
            elif path.suffix == ".yml":
                message = f"`{path.name}` is not read: of a folder only *.yaml is; rename it"
                self._report("not_read", message, document, at, severity="warning")

    def _report(self, code: str, message: str, document: Document, at: YamlPath, *, severity: str = "error") -> None:
        mark = document.marks.of(at)
        self.problems.append(Problem(code=code, message=message, path=at, mark=mark, severity=severity))

    def _name(self, path: Path) -> str:
        """How marks show the file: relative to the configuration's folder, or whole where that is shorter."""
        return min(os.path.relpath(path, self.root), str(path), key=len)


def _texts(document: Document, path: YamlPath) -> Iterator[tuple[int, str]]:
    """The paths listed there that can be read before expansion; what is wrong with the others is said elsewhere."""
    value: Any = document.value
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    entries = enumerate(value if isinstance(value, list) else [])
    yield from ((i, entry) for i, entry in entries if isinstance(entry, str) and entry.strip() and "${" not in entry)


def _environment(documents: Mapping[Path, Document]) -> tuple[dict[str, Variable], list[Path], list[Problem]]:
    """The variables of all `.env` files that are listed; the later file wins."""
    variables: dict[str, Variable] = {}
    files: list[Path] = []
    problems: list[Problem] = []
    at: YamlPath = ("environment_vars", "include")
    for path, document in documents.items():
        for index, entry in _texts(document, at):
            file = named_path(entry, path.parent)
            files.append(file)
            try:
                read, found = read_dotenv(file, entry)
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8"
                message = f"the environment file `{entry}` cannot be read: {reason}"
                mark = document.marks.of((*at, index))
                problems.append(Problem(code="missing_file", message=message, path=(*at, index), mark=mark))
                continue
            variables |= read
            problems += found
    return variables, files, problems


def _settings(variables: Mapping[str, Variable], environ: Mapping[str, str], root: Path) -> dict[str, Variable]:
    """The variables that are settings, of `.env` files and of the process, which wins."""
    own = {name: Variable(value=value, mark=Mark.variable(name), folder=root) for name, value in environ.items()}
    return {name: variable for name, variable in {**variables, **own}.items() if is_override(name)}


def _overridden(
    files: Document, given: Mapping[str, Variable], problems: list[Problem]
) -> tuple[Document, tuple[Problem, ...], frozenset[str]]:
    """The files with variables laid over them, what is wrong with those, and what of them is secret."""
    from ductile.config.overrides import read_overrides  # noqa: PLC0415 - pydantic-settings is slow to import

    whole = not any(problem.code in UNREAD for problem in problems)
    read = read_overrides(files, given, whole=whole)
    for layer in read.layers:
        document = replace(layer.document, value=_resolved(layer.document.value, layer.folder))
        files = merge(files, document, append=False)
    return files, read.problems, read.secrets


def _resolved(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The document with its path settings absolute."""
    resolved = dict(value)
    roots = value.get("plugin_roots")
    if isinstance(roots, list):
        resolved["plugin_roots"] = [_path(root, folder) for root in roots]
    state = value.get("state")
    if isinstance(state, dict) and "path" in state:
        resolved["state"] = {**state, "path": _path(state["path"], folder)}
    api = value.get("api")
    if isinstance(api, dict) and "listen" in api:
        listen = api["listen"]
        addresses = [_address(one, folder) for one in listen] if isinstance(listen, list) else _address(listen, folder)
        resolved["api"] = {**api, "listen": addresses}
    return resolved


def _path(value: Any, folder: Path) -> Any:
    return str(named_path(value, folder)) if isinstance(value, str) and value.strip() else value


def _address(value: Any, folder: Path) -> Any:
    socket = value.removeprefix("unix:") if isinstance(value, str) and value.startswith("unix:") else ""
    return f"unix:{named_path(socket, folder)}" if socket.strip() else value
