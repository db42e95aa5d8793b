"""The command line in a pseudo-terminal, as a person has it: keys go in, and what the screen gets comes out."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
CTRL_C = "\x03"


class Terminal:
    """One command in a terminal of its own, which is its controlling one: Ctrl-C is a key here."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], columns: int = 100) -> None:
        self.text = ""
        """Everything that was shown, with its escape sequences."""
        self._code: int | None = None
        own = {
            name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")
        }  # the tests' terminal's
        command = [sys.executable, "-m", "ductile.cli.main", *arguments]
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(sys.executable, command, own)

    @property
    def lines(self) -> list[str]:
        """What was shown, line by line, without escape sequences."""
        return ESCAPES.sub("", self.text).replace("\r", "").splitlines()

    def until(self, text: str, *, within: float = 30.0) -> None:
        """Read until this was shown."""
        end = time.monotonic() + within
        while text not in self.text:
            if not self._read(end - time.monotonic()):
                pytest.fail(f"{text!r} was not shown, but {self.text!r}")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def interrupt(self) -> int:
        """Press Ctrl-C as a person does who is not heard at once: Python misses one just before it begins to read."""
        pidfd = os.pidfd_open(self.pid)
        try:
            for _ in range(10):
                self.type(CTRL_C)
                if select.select([pidfd], [], [], 1.0)[0]:
                    break
        finally:
            os.close(pidfd)
        return self.end()

    def end(self, *, within: float = 30.0) -> int:
        """Read until it has ended; its exit code, or minus the signal that killed it."""
        end = time.monotonic() + within
        while self._read(end - time.monotonic()):
            pass
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def _read(self, seconds: float) -> bool:
        """Whether something was read; not at its end, nor when the time is over."""
        if not select.select([self._fd], [], [], max(seconds, 0))[0]:
            pytest.fail(f"it neither ended nor said more; it had shown {self.text!r}")
        try:
            found = os.read(self._fd, 65536)
        except OSError:  # Linux: the other side of the terminal is closed
            return False
        self.text += found.decode(errors="replace")
        return bool(found)

    def close(self) -> None:
        """End it, whatever it does."""
        if self._code is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._fd)


@contextmanager
def terminal(*arguments: str, environ: Mapping[str, str], columns: int = 100) -> Iterator[Terminal]:
    """A command in a terminal, ended afterwards."""
    opened = Terminal(*arguments, environ=environ, columns=columns)
    try:
        yield opened
    finally:
        opened.close()
