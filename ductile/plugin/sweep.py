"""Finds the processes that a gateway has left behind, and kills them: the means after a crash.

Where the gateway had a control group (see control_group), its end is the end of all that has not moved out on purpose.

`setsid` and double forks leave a process group. The mark of the gateway (see process_mark) stays, and so does the
environment that a process was started with, in `/proc/<pid>/environ`; `env -i` clears only the latter. What carries
either is killed. What shows neither to this user is not known to be another's: the log says how many there are.
These functions block for milliseconds: run them in a thread.
"""

import os
import select
import signal
import time
from collections.abc import Collection
from contextlib import ExitStack, suppress

import structlog
from msgspec import Struct

from ductile.plugin.control_group import end_group
from ductile.plugin.process_mark import gateway_mark, read_mark

_MAX_ROUNDS = 100
"""Scans at most: a process that forks faster than it is found must not keep the gateway from going on."""

_EMPTY_SCANS = 2
"""So many in a row end the sweep: one alone may miss a daemon that forks and ends while /proc is read."""

_DEATH_SECONDS = 5.0
"""How long the killed are waited for, in all; one inside an uninterruptible system call may take longer."""


_VARIABLES = ("DUCTILE_JOB_ID", "DUCTILE_WORKER")
"""Whose process it is, in its environment."""

_log = structlog.get_logger()


class InstanceProcess(Struct, frozen=True):
    """What tells a process: all entries of its environment, or the gateway's mark (0: none is looked for)."""

    entries: tuple[bytes, ...]
    mark: int = 0


def kill_instance(instance: str, *, log_unknown: bool = False) -> list[int]:
    """Kills all that is in this gateway's control group or carries its instance or mark; returns the pids.

    `log_unknown`: the log says how many processes do not show whose they are.
    """
    killed = end_group(instance)
    carried = InstanceProcess((_entry("DUCTILE_INSTANCE", instance),), gateway_mark(instance))
    return killed + _kill(carried, log_unknown=log_unknown)


def kill_job(instance: str, job_id: str) -> list[int]:
    """Kills every process that carries this job of this instance; returns their pids."""
    return _kill(InstanceProcess((_entry("DUCTILE_INSTANCE", instance), _entry("DUCTILE_JOB_ID", job_id))))


def kill_worker(instance: str, worker: str) -> list[int]:
    """Kills every process that carries this worker of this instance; returns their pids."""
    return _kill(InstanceProcess((_entry("DUCTILE_INSTANCE", instance), _entry("DUCTILE_WORKER", worker))))


def read_names(pid: int, instance: str) -> frozenset[str] | None:
    """The job and the worker in a process's environment; None where it does not name this instance, or is not shown."""
    try:
        environ = _environ(str(pid))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    if _entry("DUCTILE_INSTANCE", instance) not in environ:
        return None
    variables = (entry.decode(errors="replace").partition("=") for entry in environ.split(b"\0"))
    return frozenset(value for name, _, value in variables if name in _VARIABLES)


def _entry(name: str, value: str) -> bytes:
    return f"\0{name}={value}\0".encode()


def _kill(carried: InstanceProcess, *, log_unknown: bool = False) -> list[int]:
    """Scans until nothing is found: what a victim forked before it died carries the same."""
    killed: list[int] = []
    until = time.monotonic() + _DEATH_SECONDS
    empty = 0
    scan = _Scan(carried)
    for _ in range(_MAX_ROUNDS):
        with ExitStack() as pidfds:
            victims = scan.signal_all(pidfds)
            killed += [pid for pid in victims if pid not in killed]
            empty = 0 if victims else empty + 1
            if empty == _EMPTY_SCANS or not _await_death(victims.values(), until):
                break
    scan.log_refused()
    if log_unknown:
        scan.log_unknown()
    return killed


class _Scan:
    """Looks through /proc, and remembers what could not be told or ended."""

    def __init__(self, carried: InstanceProcess) -> None:
        self._carried = carried
        self._unknown: set[int] = set()
        self._refused: set[int] = set()

    def signal_all(self, pidfds: ExitStack) -> dict[int, int]:
        """Kills whoever carries it now: pid → pidfd, which the stack closes."""
        victims: dict[int, int] = {}
        own = os.getpid()
        for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted, for hundreds of processes
            if not name.isdecimal() or int(name) == own or not self._carries(name):
                continue
            with suppress(ProcessLookupError):
                pidfd = os.pidfd_open(int(name))
                pidfds.callback(os.close, pidfd)
                if self._carries(name):  # asked again: the pid may have been another's by the time it was opened
                    self._signal(int(name), pidfd, victims)
        return victims

    def _signal(self, pid: int, pidfd: int, victims: dict[int, int]) -> None:
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except PermissionError:
            self._refused.add(pid)
        else:
            victims[pid] = pidfd

    def _carries(self, pid: str) -> bool:
        """Whether the process was started with the entries or has the mark. Of a zombie both are gone."""
        mark = read_mark(int(pid)) if self._carried.mark else None
        if mark is not None and mark.gateway == self._carried.mark:
            return not _is_dead(pid)
        try:
            environ = _environ(pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        except PermissionError:
            self._unknown.add(int(pid))
            return False
        return all(entry in environ for entry in self._carried.entries)

    def log_refused(self) -> None:
        """Names the leftovers that this user may not end, for an operator to look at."""
        if self._refused:
            _log.error("leftovers of plugins belong to another user, and cannot be ended", pids=sorted(self._refused))

    def log_unknown(self) -> None:
        """Says how many processes do not show whose they are."""
        if self._unknown:
            _log.info(
                "processes of other users do not show whose they are; none carries this gateway's mark",
                processes=len(self._unknown),
            )


def _environ(pid: str) -> bytes:
    with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - for hundreds of processes
        return b"\0" + (file.readall() or b"") + b"\0"


def _is_dead(pid: str) -> bool:
    """Whether it is a zombie, which keeps its mark until it is reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.read().rpartition(b")")[2].split()[0] in b"ZX"
    except OSError:
        return True


def _await_death(pidfds: Collection[int], until: float) -> bool:
    """Waits for the ends of the killed; whether all have ended in time."""
    alive = select.poll()
    for pidfd in pidfds:
        alive.register(pidfd, select.POLLIN)
    left = len(pidfds)
    while left and (seconds := until - time.monotonic()) > 0:
        for pidfd, _ in alive.poll(seconds * 1000):
            alive.unregister(pidfd)
            left -= 1
    return left == 0
