"""The states of all files and folders that a configuration was read from, as one comparable value."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from ductile.model.config_inputs import ConfigInputs
from ductile.plugin.discovery import discover_plugins

_CONFIG_SUFFIXES = frozenset({".yaml", ".yml"})
"""Suffixes of the files of an included folder that are read or warned of."""

FileState = tuple[int, ...]
"""Device, inode and mode; for a file also size and modification time. Empty where the path does not exist."""

FolderStates = frozenset[tuple[Path, FileState]]
"""Folders and their states."""


class FileStates(Struct, frozen=True, kw_only=True):
    """The result of one scan."""

    inputs: ConfigInputs
    states: tuple[tuple[Path, FileState], ...]
    """Each path that is or would be read, with its state."""
    folders: FolderStates
    """The folders to watch; a folder that was deleted and made again is another folder."""
    entries: frozenset[str]
    """Paths that decide which files are read: files, and each folder and link on the way to them."""
    listings: frozenset[str]
    """Folders in which any new entry matters."""

    def concerns(self, _change: int, path: str) -> bool:
        """Whether a change at this path may matter. Files that the gateway or a plugin writes beside it do not."""
        folder, _, name = path.rpartition("/")
        return path in self.entries or (folder in self.listings and not name.startswith("."))


def scan(inputs: ConfigInputs) -> FileStates:
    """Read the states of all inputs; blocks. An unreadable path counts as missing."""
    roots = [root for root in inputs.roots if _is_folder(_file_state(root))]
    manifests = [found.manifest_path for found in discover_plugins(roots, allow_symlinks=inputs.allow_symlinks).found]
    plugin_folders = {path.parent for path in manifests}
    search_folders = [folder for root in roots for folder in _search_folders(root, plugin_folders)]
    config_files = [path for folder in inputs.folders for path in _config_files(folder)]
    paths = dict.fromkeys(
        (*inputs.files, *config_files, *manifests, *sorted(plugin_folders), *inputs.folders, *inputs.roots)
    )
    resolver = LinkResolver()
    for path in (*paths, *search_folders):
        resolver.resolve(path)
    listings = {resolver.resolve(folder) for folder in (*inputs.folders, *search_folders)}
    folders = {path.parent for path in resolver.entries} | listings
    return FileStates(
        inputs=inputs,
        states=tuple((path, _file_state(path)) for path in paths),
        folders=frozenset((folder, state) for folder in folders if _is_readable(folder, state := _file_state(folder))),
        entries=frozenset(str(path) for path in resolver.entries),
        listings=frozenset(str(folder) for folder in listings),
    )


class LinkResolver:
    """Resolves links; records each path that a resolution depends on: parents, links, and their targets."""

    def __init__(self) -> None:
        self.entries: set[Path] = set()
        self._resolved: dict[Path, Path] = {}

    def resolve(self, path: Path) -> Path:
        """Resolve the links of a path, as far as the path exists."""
        resolved = self._resolved.get(path)
        if resolved is not None or path == path.parent:
            return resolved or path
        folder = self.resolve(path.parent)
        if path.name == "..":
            return folder.parent
        at = self._resolved[path] = folder / path.name  # recorded at once, so that a circle of links ends
        self.entries.add(at)
        try:
            target = at.readlink()
        except (OSError, ValueError):  # not a link, or missing
            return at
        real = self._resolved[path] = self._resolved[at] = self.resolve(folder / target)
        return real


def _search_folders(root: Path, plugin_folders: set[Path]) -> Iterator[Path]:
    """The folders below a plugin root in which a plugin may appear."""
    for name, inner, _ in os.walk(root):
        folder = Path(name)
        if folder in plugin_folders:
            inner.clear()
            continue
        inner[:] = [one for one in inner if not one.startswith(".")]
        yield folder


def _config_files(folder: Path) -> Iterable[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _CONFIG_SUFFIXES)
    except (OSError, ValueError):
        return ()


def _file_state(path: Path) -> FileState:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    identity = (status.st_dev, status.st_ino, status.st_mode)
    return identity if stat.S_ISDIR(status.st_mode) else (*identity, status.st_size, status.st_mtime_ns)


def _is_folder(state: FileState) -> bool:
    return bool(state) and stat.S_ISDIR(state[2])


def _is_readable(folder: Path, state: FileState) -> bool:
    return _is_folder(state) and os.access(folder, os.R_OK)
