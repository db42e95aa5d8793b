"""Looking at the processes and descriptors of this machine."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ductile.plugin.runner.interface import RunnerCall

Script = Callable[..., Path]
"""Writes an executable of this text; returns its path."""

MakeCall = Callable[..., RunnerCall]
"""A call of this executable, with any field given by name."""


def descriptors() -> list[str]:
    """The numbers of this process's open descriptors."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


_others: set[int] = set()
"""Children that stood before a test began: what tests of other files keep up for each other."""


def children() -> set[int]:
    """Children of this process, alive or not reaped; gateways of other tests have sessions of their own."""
    return {pid for pid, parent, session in _table() if parent == os.getpid() and session == os.getsid(0)}


def remember_children() -> None:
    """A test begins: what stands now is not its own."""
    _others.clear()
    _others.update(children())


def assert_no_children() -> None:
    """No child that this test has made lives or waits to be reaped."""
    left = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children() - _others}
    assert left == {}


def _table() -> Iterator[tuple[int, int, int]]:
    """The pid, parent and session of every process."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            yield int(path.parent.name), int(fields[1]), int(fields[3])


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
