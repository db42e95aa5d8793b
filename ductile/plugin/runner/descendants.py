"""The processes below another process that is none of the gateway's own parents or children."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

from ductile.plugin.process_mark import Mark, read_mark


def read_descendants(pid: int) -> Iterator[int]:
    """The children of a process, of each of its threads, and theirs in turn."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return
    for thread in threads:
        with suppress(OSError):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - a few bytes of a proc file
                children = [int(child) for child in file.read().split()]
            for child in children:
                yield child
                yield from read_descendants(child)


def kill_marked(pid: int, mark: Mark) -> bool:
    """Kills the process if it carries the mark; asked twice, as the pid may have become another's meanwhile."""
    if read_mark(pid) != mark:
        return False
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if read_mark(pid) != mark:
            return False
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        return True
    finally:
        os.close(pidfd)
