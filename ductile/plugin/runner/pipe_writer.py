"""The writing end of a pipe to a process that reads at its own pace."""

import asyncio
import os


class PipeWriter:
    """Takes bytes at any time and writes them as the pipe takes them. It owns the descriptor."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._on_leave = bytearray()
        self._waiting = False

    def send(self, data: bytes) -> None:
        """Writes it behind all that was sent before; after `close` it goes nowhere."""
        if self._fd < 0:
            return
        self._on_leave += data
        if len(self._on_leave) == len(data):
            self._write()

    def close(self) -> None:
        """Ends the stream; what was not written by now is not."""
        if self._fd >= 0:
            self._rest()
            os.close(self._fd)
            self._fd = -1

    def _write(self) -> None:
        try:
            while self._on_leave:
                del self._on_leave[: os.write(self._fd, self._on_leave)]
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                self._loop.add_writer(self._fd, self._write)
            return
        except OSError:  # nobody reads any more, and the process will be found dead or silent
            self._on_leave.clear()
        self._rest()

    def _rest(self) -> None:
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._fd)
