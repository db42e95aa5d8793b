"""The mark that every process of a gateway carries: its limit on file locks (`RLIMIT_LOCKS`, `ulimit -x`).

Linux keeps that limit and has not enforced it since 2.4. A process hands it to its children, through `fork`, `exec`,
`setsid`, a cleared environment and a change of user; `/proc/<pid>/limits` shows it to everybody. The hard limit tells
the gateway, the soft limit the attempt or helper. A process has to set the limit on purpose to lose the mark.
"""

import hashlib
import resource
from contextlib import suppress

from msgspec import Struct

RLIMIT_LOCKS = 10
"""The number of the limit, which Python's `resource` does not name (getrlimit(2))."""

MIN_HARD_LIMIT = 1 << 62
"""Every gateway's hard limit is at least this much, and fits into 63 bits."""

_LINE = b"Max file locks"


class Mark(Struct, frozen=True):
    """Whose process it is."""

    gateway: int
    """The hard limit: see `gateway_mark`."""
    owner: int
    """The soft limit: the number of the attempt, worker or helper."""


def gateway_mark(instance: str) -> int:
    """The hard limit of the gateway with this uuid."""
    digest = hashlib.blake2b(instance.encode(), digest_size=8).digest()
    return MIN_HARD_LIMIT | int.from_bytes(digest, "big") >> 2


def take_mark(gateway: int) -> bool:
    """Marks this process, and with it all that it starts from now on; False where the system forbids the limit."""
    try:
        resource.setrlimit(RLIMIT_LOCKS, (0, gateway))
    except (OSError, ValueError):
        return False
    return True


def set_owner(owner: int, gateway: int, *, pid: int = 0) -> None:
    """Gives this process, or another one of the same user, the mark of an owner. Raises OSError or ValueError."""
    resource.prlimit(pid, RLIMIT_LOCKS, (owner, gateway))


def read_mark(pid: int) -> Mark | None:
    """The mark of a process, dead ones that are not reaped included; None where it has none, or is gone."""
    try:
        with open(f"/proc/{pid}/limits", "rb", buffering=0) as file:  # noqa: PTH123 - for hundreds of processes
            text = file.read(8_192) or b""
    except OSError:
        return None
    line = text[text.find(_LINE) :].partition(b"\n")[0].split()
    with suppress(ValueError, IndexError):
        return Mark(gateway=int(line[4]), owner=int(line[3]))
    return None
