"""Runs the process that continues this gateway after a plugin has stopped it with SIGSTOP."""

import asyncio
import os
import signal
import sys
from contextlib import suppress

import structlog

from ductile.maintenance import resume_watchdog_main
from ductile.plugin.runner.child_processes import ChildProcesses

RESTART_SECONDS = 1.0
"""Seconds until a watchdog that has ended is started again."""

NULL_STREAMS = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
"""The standard streams of the watchdog: whoever reads the gateway's output need not wait for another process."""

log = structlog.get_logger(__name__)


class ResumeWatchdog:
    """Starts the watchdog, and another one when it has ended.

    At a terminal the watchdog is in the gateway's process group, so that Ctrl-Z stops both. Elsewhere it has a group of
    its own, so that a signal to the gateway's group does not stop it too.
    """

    def __init__(self, children: ChildProcesses) -> None:
        self._children = children
        self._loop = asyncio.get_running_loop()
        self._pid = 0
        self._pidfd = -1
        self._number = 0
        self._restart: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the watchdog; where the system cannot start it, the log says so and the gateway goes on."""
        self._restart = None
        own = os.getpid()
        argv = [sys.executable, "-I", "-S", resume_watchdog_main.__file__, str(own)]
        self._number = self._children.begin_helper("resume watchdog")
        try:
            group = os.getpgrp() if has_terminal() else 0
            self._pid = os.posix_spawn(argv[0], argv, {}, file_actions=NULL_STREAMS, setpgroup=group)
            self._children.enter(self._pid)
            self._pidfd = os.pidfd_open(self._pid)
        except OSError as error:
            self._children.forget(self._number)
            log.warning("nothing lets the gateway go on if a plugin stops it", reason=str(error))
            return
        self._loop.add_reader(self._pidfd, self._on_end)

    def stop(self) -> None:
        """End the watchdog."""
        if self._restart is not None:
            self._restart.cancel()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._reap()

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        code = self._reap()
        log.warning("the watchdog that lets a stopped gateway go on has ended; another one starts", exit_code=code)
        self._restart = self._loop.call_later(RESTART_SECONDS, self.start)

    def _reap(self) -> int:
        code = self._children.reap(self._pid, self._pidfd)
        self._children.forget(self._number)
        self._pidfd = -1
        return code


def has_terminal() -> bool:
    """Whether this process has a controlling terminal, from which a person may stop it (proc(5): tty_nr)."""
    with open("/proc/self/stat", "rb", buffering=0) as file:  # noqa: PTH123 - a few bytes of a proc file
        return file.read(512).rpartition(b")")[2].split()[4] != b"0"
