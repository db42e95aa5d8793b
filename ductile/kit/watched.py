"""A run of a plugin that is looked at between its end and the gateway's own clearing up."""

import asyncio
import os
import select
import shlex
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from msgspec import Struct

from ductile.dispatch.build_request import PluginRequest
from ductile.kit.bench import Bench, Place, ended
from ductile.model.ids import new_id
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.interface import Execution

_PATIENCE = 0.5
"""Seconds that a helper of the plugin may take to end after it."""

_SCRIPT = """\
#!/bin/sh
{executable} "$@"
code=$?
exec <&- >&- 2>&-
echo >{ended}
read line <{go_on}
exit $code
"""


class Left(Struct, frozen=True, kw_only=True):
    """A process that outlived the plugin."""

    pid: int
    command: str


async def watched(
    bench: Bench, plugin: Plugin, prepared: PluginRequest, place: Place, command: str
) -> tuple[Execution, Sequence[Left]]:
    """How the run ended, and what of it still ran when a moment had passed."""
    job_id, folder = new_id(), place.cwd.parent
    script, done, go_on = folder / "watched", folder / "ended", folder / "go-on"
    names = {"executable": plugin.executable, "ended": done, "go_on": go_on}
    script.write_text(_SCRIPT.format(**{name: shlex.quote(str(path)) for name, path in names.items()}))
    script.chmod(0o700)
    with ExitStack() as opened:
        told, answer = (_fifo(path, opened) for path in (done, go_on))
        running = bench.start(
            plugin, prepared.stdin, place, command, job_id=job_id, args=prepared.args, executable=script
        )
        waiting = asyncio.ensure_future(ended(running))
        has_ended = asyncio.ensure_future(_readable(told))
        left: Sequence[Left] = ()
        try:
            await asyncio.wait({waiting, has_ended}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                left = await asyncio.to_thread(_left, job_id, script)
            os.write(answer, b"\n")
            return await waiting, left
        finally:
            has_ended.cancel()
            waiting.cancel()


def _fifo(path: Path, opened: ExitStack) -> int:
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    opened.callback(os.close, fd)
    return fd


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(fd, lambda: None if readable.done() else readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(fd)


def _left(job_id: str, script: Path) -> Sequence[Left]:
    """The processes of the job, but for the script: those that do not end within the patience."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted
        if name.isdecimal() and _carries(name, job_id):
            command = _command(name)
            if str(script) not in command and _stays(int(name)):
                found.append(Left(pid=int(name), command=command))
    return found


def _carries(pid: str, job_id: str) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return f"DUCTILE_JOB_ID={job_id}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    return False


def _command(pid: str) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def _stays(pid: int) -> bool:
    """Whether the process outlives the patience."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return not poll.poll(_PATIENCE * 1000)
    finally:
        os.close(pidfd)
