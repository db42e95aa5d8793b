"""Finds the processes that a plugin has left behind, by the variables they carry, and kills them.

`setsid` and double forks leave a process group; the environment a process was started with stays readable in
`/proc/<pid>/environ`. A process that clears it (`env -i`) is not found, and one of another user is left alone.
These functions block for milliseconds: run them in a thread.
"""

import os
import select
import signal
import time
from collections.abc import Collection
from contextlib import ExitStack, suppress

_ROUNDS = 100
"""Scans at most: a process that forks faster than it is found must not keep the gateway from going on."""

_EMPTY_SCANS = 2
"""So many in a row end the sweep: one alone may miss a daemon that forks and ends while /proc is read."""

_DEATH_SECONDS = 5.0
"""How long the killed are waited for, in all; one inside an uninterruptible system call may take longer."""


def kill_instance(instance: str) -> list[int]:
    """Kills every process that carries this gateway's instance; returns their pids."""
    return _kill((_entry("DUCTILE_INSTANCE", instance),))


def kill_job(instance: str, job_id: str) -> list[int]:
    """Kills every process that carries this job of this instance; returns their pids."""
    return _kill((_entry("DUCTILE_INSTANCE", instance), _entry("DUCTILE_JOB_ID", job_id)))


def kill_worker(instance: str, worker: str) -> list[int]:
    """Kills every process that carries this worker of this instance; returns their pids."""
    return _kill((_entry("DUCTILE_INSTANCE", instance), _entry("DUCTILE_WORKER", worker)))


def _entry(name: str, value: str) -> bytes:
    return f"\0{name}={value}\0".encode()


def _kill(entries: tuple[bytes, ...]) -> list[int]:
    """Scans until nothing is found: what a victim forked before it died carries the same entries."""
    killed: list[int] = []
    until = time.monotonic() + _DEATH_SECONDS
    empty = 0
    for _ in range(_ROUNDS):
        with ExitStack() as pidfds:
            victims = _signal_all(entries, pidfds)
            killed += [pid for pid in victims if pid not in killed]
            empty = 0 if victims else empty + 1
            if empty == _EMPTY_SCANS or not _await_death(victims.values(), until):
                break
    return killed


def _signal_all(entries: tuple[bytes, ...], pidfds: ExitStack) -> dict[int, int]:
    """Kills whoever carries the entries now: pid → pidfd, which the stack closes."""
    victims: dict[int, int] = {}
    own = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted, for hundreds of processes
        if not name.isdecimal() or int(name) == own or not _carries(name, entries):
            continue
        with suppress(ProcessLookupError, PermissionError):
            pidfd = os.pidfd_open(int(name))
            pidfds.callback(os.close, pidfd)
            if _carries(name, entries):  # asked again: the pid may have been another's by the time it was opened
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                victims[int(name)] = pidfd
    return victims


def _carries(pid: str, entries: tuple[bytes, ...]) -> bool:
    """Whether the process was started with the entries; a zombie shows none."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - as in `_signal_all`
            environ = b"\0" + (file.readall() or b"") + b"\0"
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return all(entry in environ for entry in entries)


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
