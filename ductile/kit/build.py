"""Builds a plugin by its own `build.sh`."""

import asyncio
import errno
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from ductile.kit.errors import BuildFailed
from ductile.kit.plugin_under_test import open_plugin
from ductile.plugin.runner.spawn_errors import is_program
from ductile.plugin.stdout_parser import cut_middle
from ductile.plugin.trust import BUILD_SCRIPT

_SOURCE_SUFFIXES = frozenset({".go", ".mod", ".sum", ".rs", ".toml", ".lock", ".c", ".h", ".cc", ".cpp", ".zig", ".ts"})
_SKIPPED_FOLDERS = frozenset({"target", "node_modules", "tests"})
MAX_OUTPUT_CHARS = 1024 * 1024
"""Characters of a compiler's output that are kept."""


def needs_build(folder: Path) -> bool:
    """Whether the folder has a `build.sh`."""
    return (folder / BUILD_SCRIPT).is_file()


def newer_source(folder: Path, product: Path) -> Path | None:
    """A source that changed after the last build; None where there is none, or where nothing is built."""
    if not needs_build(folder) and not is_program(product):
        return None
    built_at = product.stat().st_mtime_ns
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix in _SOURCE_SUFFIXES and path.stat().st_mtime_ns > built_at:
                return path
    return None


async def build_plugin(folder: Path) -> None:
    """Run `build.sh` in the folder. Raises BuildFailed with its output, also where it built nothing."""
    began = time.time_ns()
    await _run_script(folder)
    subject = open_plugin(folder)
    entrypoint = subject.loaded.manifest.entrypoint if subject.loaded.manifest else None
    if entrypoint is None:
        return
    product = folder / entrypoint
    if not product.exists():
        message = f"It ended with 0, but there is no `{entrypoint}`, which the manifest names as the entrypoint."
    elif (newer := newer_source(folder, product)) is not None and newer.stat().st_mtime_ns < began:
        message = f"It ended with 0, but {newer} is newer than `{entrypoint}`; does it go on after an error (`set -e`)?"
    else:
        return
    raise BuildFailed(command=str(folder / BUILD_SCRIPT), folder=folder, exit_code=0, output=message)


async def _run_script(folder: Path) -> None:
    script = (folder / BUILD_SCRIPT).resolve()
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
        reason = f"{error.strerror}; run `chmod +x {script}`" if error.errno == errno.EACCES else str(error.strerror)
        raise BuildFailed(command=str(script), folder=folder, exit_code=126, output=reason) from None
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode:
        message = cut_middle(output.decode(errors="replace"), MAX_OUTPUT_CHARS)
        raise BuildFailed(command=str(script), folder=folder, exit_code=process.returncode, output=message)
