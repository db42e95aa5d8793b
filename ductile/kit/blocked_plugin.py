"""Keeps a plugin waiting for the last bytes of its request, so that the kit can end it at work."""

import asyncio
import os
import shlex
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from types import TracebackType
from typing import Self

_PIPE_BYTES = 4_096
"""Bytes that the pipe holds; more can be written only after a read."""

_SCRIPT = """\
#!/bin/sh
exec {executable} <{request}
"""


class BlockedPlugin:
    """Puts the plugin behind a pipe that never ends. A runner starts `executable` in its place.

    More spaces than the pipe holds go ahead of the request: once all is written, the plugin has read.
    """

    def __init__(self, folder: Path, executable: Path, request: bytes) -> None:
        self._fifo = folder.parent / "request"
        self.executable = folder.parent / "held"
        os.mkfifo(self._fifo)
        quoted = shlex.quote(str(executable))
        self.executable.write_text(_SCRIPT.format(executable=quoted, request=shlex.quote(str(self._fifo))))
        self.executable.chmod(0o700)
        self._unwritten = memoryview(b" " * (4 * _PIPE_BYTES) + request.rstrip()[:-1])
        self._fd = -1

    def __enter__(self) -> Self:
        self._fd = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        fcntl(self._fd, F_SETPIPE_SZ, _PIPE_BYTES)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.close(self._fd)

    async def wait_until_read(self) -> None:
        """Return when the plugin has read almost all of the request and waits for more."""
        loop = asyncio.get_running_loop()
        while self._unwritten:
            with suppress(BlockingIOError):
                self._unwritten = self._unwritten[os.write(self._fd, self._unwritten) :]
                continue
            writable = loop.create_future()
            loop.add_writer(self._fd, _resolve, writable)
            try:
                await writable
            finally:
                loop.remove_writer(self._fd)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
