"""Whether a plugin's files can be trusted to run, and will run at all."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

_WORLD_WRITABLE = stat.S_IWOTH
_SHEBANG_LENGTH = 256
"""Bytes the kernel reads of a `#!` line."""


class Untrusted(Exception):
    """Carries the sentence that says why, and what to do."""


def executable_of(folder: Path, entrypoint: str, *, allow_symlinks: bool) -> Path:
    """The file to run, with links resolved. Raises Untrusted."""
    named = PurePosixPath(entrypoint)
    if named.is_absolute() or ".." in named.parts:
        _refuse(f"the entrypoint `{entrypoint}` must be a path inside the plugin folder, without `..`")
    inside = folder.resolve()
    path = inside / named
    if not os.path.lexists(path):
        _refuse(f"the entrypoint `{entrypoint}` does not exist in {folder}")
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError):
        _refuse(f"the entrypoint `{entrypoint}` is a symbolic link that leads nowhere")
    if resolved != path and not allow_symlinks:
        _refuse(
            f"the entrypoint `{entrypoint}` is behind a symbolic link, which `service.allow_symlinks` does not allow"
        )
    if not resolved.is_relative_to(inside):
        _refuse(f"the entrypoint `{entrypoint}` leads out of the plugin folder")
    _check_file(resolved, entrypoint)
    _check_interpreter(resolved, entrypoint)
    return resolved


def check_not_world_writable(folder: Path, *paths: Path) -> None:
    """Refuses a folder or a file in it that everybody may write, and so are the folders between. Raises Untrusted."""
    between = {parent for path in paths for parent in _between(folder, path)}
    for path in sorted({folder, *between, *paths}):
        if path.stat().st_mode & _WORLD_WRITABLE:
            _refuse(f"everybody may write {path}; run `chmod o-w {path}`")


def _between(folder: Path, path: Path) -> Iterator[Path]:
    """The folders below the one that lead to the path; none where it is not in it."""
    inside = os.path.join(folder, "")  # noqa: PTH118  # comparing texts is ten times as fast as comparing paths
    parent = path.parent
    while len(str(parent)) >= len(inside) and str(parent).startswith(inside):
        yield parent
        parent = parent.parent


def _check_file(path: Path, entrypoint: str) -> None:
    if not path.is_file():
        _refuse(f"the entrypoint `{entrypoint}` is no regular file")
    if not os.access(path, os.X_OK):
        _refuse(f"the entrypoint `{entrypoint}` is not executable; run `chmod +x {path}`")


def _check_interpreter(path: Path, entrypoint: str) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(_SHEBANG_LENGTH)
    except PermissionError:
        return  # a binary may be run without being read
    if not start.startswith(b"#!"):
        if b"\0" not in start:
            _refuse(f"the entrypoint `{entrypoint}` is no program: its first line must name one, as in `#!/bin/sh`")
        return
    words = start[2:].split(b"\n", 1)[0].decode(errors="replace").strip(" \t").split()
    if start.split(b"\n", 1)[0].endswith(b"\r"):
        _refuse(f"the entrypoint `{entrypoint}` has Windows line ends; save it with Unix ones")
    if not words:
        _refuse(f"the entrypoint `{entrypoint}` names no interpreter behind `#!`")
    if not os.access(words[0], os.X_OK):
        _refuse(f"the entrypoint `{entrypoint}` needs {words[0]}, which is not installed")
    program = _program_of_env(words)
    if program is not None and shutil.which(program) is None:
        _refuse(f"the entrypoint `{entrypoint}` needs `{program}`, which is not on the PATH")


def _program_of_env(words: list[str]) -> str | None:
    """What `#!/usr/bin/env …` starts: `python3` of `env -S FOO=1 python3 -u`."""
    if PurePosixPath(words[0]).name != "env":
        return None
    return next((word for word in words[1:] if not word.startswith("-") and "=" not in word), None)


def _refuse(message: str) -> NoReturn:
    raise Untrusted(message)
