"""Builds a plugin by its own `build.sh`."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from ductile.kit.errors import BuildFailed
from ductile.kit.template import BUILD

_SOURCES = frozenset({".go", ".mod", ".sum", ".rs", ".toml", ".lock", ".c", ".h", ".cc", ".cpp", ".zig", ".ts"})
_NO_SOURCES = frozenset({"target", "node_modules", "tests"})
BUILD_OUTPUT = 1024 * 1024
"""Bytes of what a compiler says that are kept."""


def needs_build(folder: Path) -> bool:
    """Whether the folder has a `build.sh` that can be run."""
    return os.access(folder / BUILD, os.X_OK) and (folder / BUILD).is_file()


def unbuilt(folder: Path, made: Path) -> Path | None:
    """A source that was changed after the last build; None where there is none, or nothing is built."""
    if not needs_build(folder):
        return None
    built_at = made.stat().st_mtime_ns
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NO_SOURCES and not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix in _SOURCES and path.stat().st_mtime_ns > built_at:
                return path
    return None


async def build(folder: Path) -> None:
    """Run `build.sh` in the folder. Raises BuildFailed with what it said."""
    script = (folder / BUILD).resolve()
    try:
        process = await asyncio.create_subprocess_exec(
            script,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise BuildFailed(command=str(script), folder=folder, exit_code=127, output=error.strerror or "") from None
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode:
        said = output[-BUILD_OUTPUT:].decode(errors="replace")
        raise BuildFailed(command=str(script), folder=folder, exit_code=process.returncode, output=said)
