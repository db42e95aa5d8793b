"""What the system tells of a child that is not waited for."""

import os
from contextlib import suppress


def reap_if_dead(pid: int) -> bool:
    """Whether the child is dead, and reaped now."""
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
    return True


def is_dead(pid: int) -> bool:
    """Whether the child is dead; it is not reaped."""
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True


def read_session(pid: int) -> int:
    """What a child and all that it forks have in common: its session, where that is not this process's, else itself."""
    with suppress(ProcessLookupError):
        session = os.getsid(pid)
        if session != os.getsid(0):
            return session
    return pid
