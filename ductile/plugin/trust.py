"""Whether a plugin's files can be trusted to run, and will run at all."""

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ductile.plugin.trusted_path import Untrusted, check_entry

BUILD_SCRIPT = "build.sh"
"""What builds the entrypoint of a compiled plugin."""

_BUILD_COMMANDS = {"go.mod": "go build", "Cargo.toml": "cargo build --release", "Makefile": "make"}
"""A file by which a project is known that has to be built → what builds it."""

_SHEBANG_LENGTH = 256
"""Bytes the kernel reads of a `#!` line."""


class Unbuilt(Untrusted):
    """The entrypoint is not there because nobody has built it."""

    code = "unbuilt"


class MissingProgram(Untrusted):
    """The interpreter of the entrypoint is not installed."""

    code = "missing_program"


def executable_of(folder: Path, entrypoint: str, *, allow_symlinks: bool, owners: frozenset[int]) -> Path:
    """The file to run, with links resolved; it and the folders to it belong to one of the owners. Raises Untrusted."""
    named = PurePosixPath(entrypoint)
    if named.is_absolute() or ".." in named.parts:
        _refuse(f"the entrypoint `{entrypoint}` must be a path inside the plugin folder, without `..`")
    inside = os.path.realpath(folder)
    path = os.path.join(inside, *named.parts)  # noqa: PTH118  # a thousand plugins: texts are ten times as fast as paths
    if not os.path.lexists(path):
        _refuse_missing(folder, entrypoint)
    try:
        resolved = _resolve(inside, named.parts)
    except OSError:
        _refuse(f"the entrypoint `{entrypoint}` is a symbolic link that leads nowhere")
    if resolved != path and not allow_symlinks:
        _refuse(
            f"the entrypoint `{entrypoint}` is behind a symbolic link, which `service.allow_symlinks` does not allow"
        )
    if resolved != inside and not resolved.startswith(os.path.join(inside, "")):  # noqa: PTH118  # as above
        _refuse(f"the entrypoint `{entrypoint}` leads out of the plugin folder")
    _check_file(resolved, entrypoint)
    _check_interpreter(resolved, entrypoint)
    _check_entries(inside, resolved, owners)
    return Path(resolved)


def check_manifest(folder: Path, path: Path, owners: frozenset[int]) -> None:
    """Refuses a manifest that somebody else may change, or whose folder. Raises Untrusted."""
    _check_entries(str(folder), str(path), owners)


def _resolve(inside: str, parts: tuple[str, ...]) -> str:
    """The real path of what the parts lead to, below a folder that is real. Raises OSError where that is nothing."""
    path = inside
    for part in parts:
        path = os.path.join(path, part)  # noqa: PTH118  # as above
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return os.path.realpath(os.path.join(inside, *parts), strict=True)  # noqa: PTH118  # as above
    return path


def _check_entries(folder: str, path: str, owners: frozenset[int]) -> None:
    """Refuses a folder or what is in it if somebody else may change it, or a folder between. Raises Untrusted."""
    for one in (folder, *_between(folder, path), path):
        check_entry(one, os.stat(one), owners)  # noqa: PTH116  # as above


def _between(folder: str, path: str) -> Iterator[str]:
    """The folders below the one that lead to the path in it."""
    end = path.find("/", len(folder) + 1)
    while end > 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _check_file(path: str, entrypoint: str) -> None:
    if not os.path.isfile(path):  # noqa: PTH113  # as above
        _refuse(f"the entrypoint `{entrypoint}` is no regular file")
    if not os.access(path, os.X_OK):
        _refuse(f"the entrypoint `{entrypoint}` is not executable; run `chmod +x {path}`")


def _check_interpreter(path: str, entrypoint: str) -> None:
    try:
        start = read_start(path)
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
        message = f"the entrypoint `{entrypoint}` needs {words[0]}, which is not installed"
        raise MissingProgram(message)
    program = _program_of_env(words)
    if program is not None and shutil.which(program) is None:
        message = f"the entrypoint `{entrypoint}` needs `{program}`, which is not on the PATH"
        raise MissingProgram(message)


def _program_of_env(words: list[str]) -> str | None:
    """What `#!/usr/bin/env …` starts: `python3` of `env -S FOO=1 python3 -u`."""
    if PurePosixPath(words[0]).name != "env":
        return None
    return next((word for word in words[1:] if not word.startswith("-") and "=" not in word), None)


def read_start(path: str | Path) -> bytes:
    """As much of a file as the kernel reads of its first line. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, _SHEBANG_LENGTH)
    finally:
        os.close(file)


def _refuse_missing(folder: Path, entrypoint: str) -> NoReturn:
    """Tells what is not built yet from what is not there. Raises Untrusted."""
    how = f"run `{shlex.quote(str(folder / BUILD_SCRIPT))}`" if (folder / BUILD_SCRIPT).is_file() else None
    for source, command in _BUILD_COMMANDS.items():
        if how is None and (folder / source).is_file():
            how = f"run `{command}` in {folder} so that it makes `{entrypoint}`"
    if how is not None:
        message = f"the entrypoint `{entrypoint}` is not built yet; {how}"
        raise Unbuilt(message)
    _refuse(f"the entrypoint `{entrypoint}` does not exist in {folder}")


def _refuse(message: str) -> NoReturn:
    raise Untrusted(message)
