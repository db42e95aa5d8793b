"""Reads `config.yaml`, what it includes, and the `.env` files it lists."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ductile.config.dotenv import Variable, read_dotenv
from ductile.config.location import named_path
from ductile.document.locations import Marks
from ductile.document.problem import Path as YamlPath
from ductile.document.problem import Problem
from ductile.document.read import Document, read_document, read_text
from ductile.plugin.bundled import BUNDLED_ROOT

UNREAD = frozenset({"yaml", "missing_file", "unreadable_file"})
"""Problems that keep a file's keys from being known."""


class FileReader:
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
        for index, entry in texts_at(document, ("include",)):
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


def texts_at(document: Document, path: YamlPath) -> Iterator[tuple[int, str]]:
    """The paths listed there that can be read before expansion; what is wrong with the others is said elsewhere."""
    value: Any = document.value
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    entries = enumerate(value if isinstance(value, list) else [])
    yield from ((i, entry) for i, entry in entries if isinstance(entry, str) and entry.strip() and "${" not in entry)


def read_environment(documents: Mapping[Path, Document]) -> tuple[dict[str, Variable], list[Path], list[Problem]]:
    """The variables of all `.env` files that are listed; the later file wins."""
    variables: dict[str, Variable] = {}
    files: list[Path] = []
    problems: list[Problem] = []
    at: YamlPath = ("environment_vars", "include")
    for path, document in documents.items():
        for index, entry in texts_at(document, at):
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


def resolved_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The document with its path settings absolute."""
    result = dict(value)
    roots = value.get("plugin_roots")
    if isinstance(roots, list):
        result["plugin_roots"] = [root if root == BUNDLED_ROOT else resolved_path(root, folder) for root in roots]
    state = value.get("state")
    if isinstance(state, dict) and "path" in state:
        result["state"] = {**state, "path": resolved_path(state["path"], folder)}
    api = value.get("api")
    if isinstance(api, dict) and "listen" in api:
        result["api"] = {**api, "listen": resolved_addresses(api["listen"], folder)}
    return result


def resolved_path(value: Any, folder: Path) -> Any:
    """The path, absolute; anything else as it is."""
    return str(named_path(value, folder)) if isinstance(value, str) and value.strip() else value


def resolved_addresses(value: Any, folder: Path) -> Any:
    """An address or a list of them, with the paths of sockets absolute."""
    return [_address(one, folder) for one in value] if isinstance(value, list) else _address(value, folder)


def _address(value: Any, folder: Path) -> Any:
    socket = value.removeprefix("unix:") if isinstance(value, str) and value.startswith("unix:") else ""
    return f"unix:{named_path(socket, folder)}" if socket.strip() else value
