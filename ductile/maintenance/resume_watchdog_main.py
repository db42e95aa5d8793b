"""The process that lets a stopped gateway go on: `python resume_watchdog_main.py PID`, started by that gateway.

A plugin has the rights of the gateway, so it can send SIGSTOP to the gateway. No thread of a stopped process runs; only
another process can send SIGCONT. This one uses the standard library alone, and ends with its gateway.
"""

import os
import signal
import sys
import time

LOOK_SECONDS = 0.25
"""Seconds between two looks at the gateway."""


def is_stopped_by_signal(pid: int) -> bool:
    """Whether the process is in the state T (proc(5)), not in a debugger's t. Raises OSError where it is gone."""
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - pathlib costs more than all the rest
        return file.read(512).rpartition(b")")[2].split()[0] == b"T"


def watch(pid: int) -> None:
    """Continue the gateway whenever two looks in a row find it stopped, until it is no longer the parent."""
    stopped_before = False
    while os.getppid() == pid:
        stopped = is_stopped_by_signal(pid)
        if stopped and stopped_before:
            os.kill(pid, signal.SIGCONT)
        stopped_before = stopped
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
