"""Finds processes that outlive a plugin, before the gateway would kill them."""

import asyncio
import os
import select
import shlex
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from msgspec import Struct

from ductile.dispatch.build_request import PluginRequest
from ductile.kit.exchange import RequestSender, wait_until_ended
from ductile.kit.workspace import Workspace
from ductile.model.ids import new_id
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.interface import Execution

_HELPER_GRACE_SECONDS = 0.5
"""Seconds in which a helper of the plugin may end after the plugin."""

_SCRIPT = """\
#!/bin/sh
{executable} "$@"
code=$?
exec <&- >&- 2>&-
echo >{ended}
read line <{go_on}
exit $code
"""


class Leftover(Struct, frozen=True, kw_only=True):
    """A process that outlived the plugin."""

    pid: int
    command: str


async def run_and_find_leftovers(
    sender: RequestSender, plugin: Plugin, plugin_request: PluginRequest, workspace: Workspace, command: str
) -> tuple[Execution, Sequence[Leftover]]:
    """The execution, and the processes that still ran after the grace."""
    job_id, folder = new_id(), workspace.cwd.parent
    script, end_path, go_on_path = folder / "watched", folder / "ended", folder / "go-on"
    names = {"executable": plugin.executable, "ended": end_path, "go_on": go_on_path}
    script.write_text(_SCRIPT.format(**{name: shlex.quote(str(path)) for name, path in names.items()}))
    script.chmod(0o700)
    with ExitStack() as open_files:
        end_pipe, go_on_pipe = (_make_fifo(path, open_files) for path in (end_path, go_on_path))
        running = sender.start(
            plugin, plugin_request.stdin, workspace, command, job_id=job_id, args=plugin_request.args, executable=script
        )
        run = asyncio.ensure_future(wait_until_ended(running))
        end_notice = asyncio.ensure_future(_wait_readable(end_pipe))
        leftovers: Sequence[Leftover] = ()
        try:
            await asyncio.wait({run, end_notice}, return_when=asyncio.FIRST_COMPLETED)
            if not run.done():
                leftovers = await asyncio.to_thread(_find_leftovers, job_id, script)
            os.write(go_on_pipe, b"\n")
            return await run, leftovers
        finally:
            end_notice.cancel()
            run.cancel()


def _make_fifo(path: Path, open_files: ExitStack) -> int:
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    open_files.callback(os.close, fd)
    return fd


async def _wait_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(fd, lambda: None if readable.done() else readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(fd)


def _find_leftovers(job_id: str, script: Path) -> Sequence[Leftover]:
    """The processes of the job, the script aside, that do not end within the grace."""
    leftovers_found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted
        if name.isdecimal() and _has_job_mark(name, job_id):
            command = _command_line(name)
            if str(script) not in command and _outlives_grace(int(name)):
                leftovers_found.append(Leftover(pid=int(name), command=command))
    return leftovers_found


def _has_job_mark(pid: str, job_id: str) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return f"DUCTILE_JOB_ID={job_id}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    return False


def _command_line(pid: str) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def _outlives_grace(pid: int) -> bool:
    """Whether the process outlives the grace."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return not poll.poll(_HELPER_GRACE_SECONDS * 1000)
    finally:
        os.close(pidfd)
