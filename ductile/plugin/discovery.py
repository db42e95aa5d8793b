"""Finds the plugins below the plugin roots: every folder that holds a `manifest.yaml`."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from ductile.document.problem import Problem

MANIFEST_FILE = "manifest.yaml"


class PluginFolder(Struct, frozen=True, kw_only=True):
    """A folder with a manifest, not looked into yet."""

    folder: Path
    manifest_path: Path
    root: Path


class Discovery(Struct, frozen=True, kw_only=True):
    """What was found, root by root and in name order. A problem of a root has the path `("plugin_roots", i)`."""

    found: tuple[PluginFolder, ...]
    problems: tuple[Problem, ...]


def discover_plugins(roots: Sequence[Path], *, allow_symlinks: bool) -> Discovery:
    """Looks through the roots, hidden folders left out, and not below a manifest.

    A root may be a symbolic link itself. A linked folder below it is followed if links are allowed and it ends inside
    one of the roots; each folder is visited once, so that a loop of links ends.
    """
    walk = _Walk(roots, allow_symlinks=allow_symlinks)
    found: list[PluginFolder] = []
    for index, root in enumerate(roots):
        if root.is_dir():
            found.extend(walk.below(root, ("plugin_roots", index)))
        else:
            what = "is no folder" if root.exists() else "does not exist"
            message = f"the plugin root {root} {what}"
            walk.problems.append(Problem(code="missing_folder", message=message, path=("plugin_roots", index)))
    return Discovery(found=tuple(found), problems=tuple(walk.problems))


class _Walk:
    def __init__(self, roots: Sequence[Path], *, allow_symlinks: bool) -> None:
        self._resolved = [root.resolve() for root in roots]
        self._allow_symlinks = allow_symlinks
        self._visited: set[tuple[int, int]] = set()
        self.problems: list[Problem] = []

    def below(self, root: Path, at: tuple[str, int]) -> Iterator[PluginFolder]:
        folders = [root]
        while folders:
            folder = folders.pop()
            try:
                entries = self._entries(folder)
            except OSError as error:
                message = f"the folder {folder} cannot be read: {error.strerror}"
                self.problems.append(Problem(code="unreadable_folder", message=message, path=at))
                continue
            if any(entry.name == MANIFEST_FILE for entry in entries):
                yield PluginFolder(folder=folder, manifest_path=folder / MANIFEST_FILE, root=root)
                continue
            inner = [entry for entry in entries if not entry.name.startswith(".") and self._follows(entry, at)]
            folders.extend(folder / entry.name for entry in reversed(inner))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What is in the folder, by name; nothing if it was visited before."""
        status = folder.stat()
        if (status.st_dev, status.st_ino) in self._visited:
            return []
        self._visited.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)

    def _follows(self, entry: os.DirEntry[str], at: tuple[str, int]) -> bool:
        if not entry.is_symlink():
            return entry.is_dir()
        if not entry.is_dir():
            return False
        if not self._allow_symlinks:
            reason = "which `service.allow_symlinks` does not allow"
        elif not any(Path(entry.path).resolve().is_relative_to(root) for root in self._resolved):
            reason = "and leads out of the plugin roots"
        else:
            return True
        message = f"the folder {entry.path} is left out: it is a symbolic link, {reason}"
        self.problems.append(Problem(code="symlink", message=message, path=at, severity="warning"))
        return False
