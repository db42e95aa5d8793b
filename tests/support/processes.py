"""Looking at the processes and descriptors of this machine."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ductile.plugin.runner.call import Call

Script = Callable[..., Path]
"""Writes an executable of this text; returns its path."""

MakeCall = Callable[..., Call]
"""A call of this executable, with any field given by name."""


def descriptors() -> list[str]:
    """The numbers of this process's open descriptors."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def assert_no_children() -> None:
    """No child of this process lives or waits to be reaped."""
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@contextmanager
def watching(pid: int) -> Iterator[Callable[[], bool]]:
    """Holds on to a process, so that its pid is nobody else's; the function waits for its end."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    try:
        yield lambda: bool(poll.poll(5_000))
    finally:
        os.close(pidfd)


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
