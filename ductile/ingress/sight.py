"""What stands on the disk of all that a configuration was read from, as one value that changes when any of it does."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from ductile.model.inputs import Inputs
from ductile.plugin.discover import discover

_READ = frozenset({".yaml", ".yml"})
"""What is read of an included folder, or warned of."""

State = tuple[int, ...]
"""Device, inode and mode; of a file size and modification time too. Empty where there is nothing."""

Folders = frozenset[tuple[Path, State]]
"""Folders and their states."""


class Sight(Struct, frozen=True, kw_only=True):
    """One look at the disk."""

    inputs: Inputs
    states: tuple[tuple[Path, State], ...]
    """All that was read, or would be, and how it stands."""
    folders: Folders
    """The folders to watch; one that was deleted and made again is another one."""
    entries: frozenset[str]
    """Paths that decide what is read: files, and each folder and link on the way to them."""
    listings: frozenset[str]
    """Folders in which anything new matters."""

    def concerns(self, _change: int, path: str) -> bool:
        """Whether a change at this path may matter. What the gateway or a plugin writes beside it does not."""
        folder, _, name = path.rpartition("/")
        return path in self.entries or (folder in self.listings and not name.startswith("."))


def look(inputs: Inputs) -> Sight:
    """How all inputs stand now; blocks. What cannot be seen counts as not there."""
    roots = [root for root in inputs.roots if _is_folder(_state(root))]
    manifests = [found.manifest_path for found in discover(roots, allow_symlinks=inputs.allow_symlinks).found]
    homes = {path.parent for path in manifests}
    below = [folder for root in roots for folder in _below(root, homes)]
    included = [path for folder in inputs.folders for path in _names(folder)]
    read = dict.fromkeys((*inputs.files, *included, *manifests, *sorted(homes), *inputs.folders, *inputs.roots))
    way = Way()
    for path in (*read, *below):
        way.to(path)
    listings = {way.to(folder) for folder in (*inputs.folders, *below)}
    folders = {path.parent for path in way.entries} | listings
    return Sight(
        inputs=inputs,
        states=tuple((path, _state(path)) for path in read),
        folders=frozenset((folder, state) for folder in folders if _is_readable(folder, state := _state(folder))),
        entries=frozenset(str(path) for path in way.entries),
        listings=frozenset(str(folder) for folder in listings),
    )


class Way:
    """Follows links; keeps each path that decides what another one means: parents, links, and what those lead to."""

    def __init__(self) -> None:
        self.entries: set[Path] = set()
        self._known: dict[Path, Path] = {}

    def to(self, path: Path) -> Path:
        """The path without links, as far as it exists."""
        known = self._known.get(path)
        if known is not None or path == path.parent:
            return known or path
        folder = self.to(path.parent)
        if path.name == "..":
            return folder.parent
        at = self._known[path] = folder / path.name  # known at once, so that a circle of links ends
        self.entries.add(at)
        try:
            target = at.readlink()
        except (OSError, ValueError):  # no link, or nothing at all
            return at
        real = self._known[path] = self._known[at] = self.to(folder / target)
        return real


def _below(root: Path, homes: set[Path]) -> Iterator[Path]:
    """The folders from a plugin root on in which a plugin may appear."""
    for name, inner, _ in os.walk(root):
        folder = Path(name)
        if folder in homes:
            inner.clear()
            continue
        inner[:] = [one for one in inner if not one.startswith(".")]
        yield folder


def _names(folder: Path) -> Iterable[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _READ)
    except (OSError, ValueError):
        return ()


def _state(path: Path) -> State:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    same = (status.st_dev, status.st_ino, status.st_mode)
    return same if stat.S_ISDIR(status.st_mode) else (*same, status.st_size, status.st_mtime_ns)


def _is_folder(state: State) -> bool:
    return bool(state) and stat.S_ISDIR(state[2])


def _is_readable(folder: Path, state: State) -> bool:
    return _is_folder(state) and os.access(folder, os.R_OK)
