"""Which process listens at an address already, as far as /proc shows it to this user."""

import ipaddress
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

PROC_FOLDER: Final = Path("/proc")
LISTENING_STATE: Final = "0A"
"""How `/proc/net/tcp` writes the state of a socket that listens."""
ACCEPTING_FLAG: Final = "00010000"
"""How `/proc/net/unix` writes the same."""
MAX_COMMAND_CHARACTERS: Final = 120
"""Of a command line that are told."""
_LOCAL, _STATE, _USER, _INODE = 1, 3, 7, 9
"""Columns of `/proc/net/tcp`."""
_PATH, _UNIX_INODE, _FLAGS = 7, 6, 3
"""Columns of `/proc/net/unix`."""


class PortHolder(Struct, frozen=True, kw_only=True):
    """Who holds an address: a process, or a user whose processes cannot be seen."""

    pid: int | None
    command: str
    """Its command line; empty where that cannot be read."""
    user: int | None = None

    def __str__(self) -> str:
        if self.pid is not None:
            return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"
        return f"one of user {self.user}, which only that user and root can see (`ss -ltnp` names it)"


def tcp_holder(host: str | None, port: int, proc: Path = PROC_FOLDER) -> PortHolder | None:
    """Who listens at this port of an address that `host` stands for; None where it cannot be told."""
    wanted = resolve_addresses(host)
    for name in ("tcp", "tcp6"):
        for columns in rows(proc / "net" / name):
            if len(columns) <= _INODE or columns[_STATE] != LISTENING_STATE:
                continue
            address, number = local_address(columns[_LOCAL])
            if number == port and (address.is_unspecified or wanted is None or address in wanted):
                return holder_of(columns[_INODE], int(columns[_USER]), proc)
    return None


def unix_holder(path: Path, proc: Path = PROC_FOLDER) -> PortHolder | None:
    """Who has the socket at this path; None where it cannot be told."""
    for columns in rows(proc / "net/unix"):
        if len(columns) > _PATH and columns[_PATH] == str(path) and columns[_FLAGS] == ACCEPTING_FLAG:
            return holder_of(columns[_UNIX_INODE], None, proc)
    return None


def rows(file: Path) -> Iterator[list[str]]:
    """The lines of a table of `/proc/net` as their columns; none where it cannot be read."""
    try:
        lines = file.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return
    yield from (line.split(maxsplit=_PATH) if file.name == "unix" else line.split() for line in lines)


def local_address(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """`0100007F:1F90` as an address and a port; the kernel writes words of 4 bytes in the machine's order."""
    written, _, port = text.partition(":")
    raw = bytes.fromhex(written)
    address = ipaddress.ip_address(b"".join(raw[n : n + 4][::-1] for n in range(0, len(raw), 4)))
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address, int(port, 16)


def resolve_addresses(host: str | None) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address] | None:
    """The addresses that a host is; None for every one, and where its name cannot be resolved."""
    try:
        found = {ipaddress.ip_address(info[4][0]) for info in socket.getaddrinfo(host, None)} if host else set()
    except OSError:
        return None
    return None if not found or any(address.is_unspecified for address in found) else found


def holder_of(inode: str, user: int | None, proc: Path) -> PortHolder | None:
    """The process that has this socket open; its user alone where no process that can be seen has it."""
    wanted = f"socket:[{inode}]"
    for process in sorted(proc.iterdir(), key=lambda path: path.name):
        if process.name.isdigit() and wanted in open_files(process):
            return PortHolder(pid=int(process.name), command=command_of(process), user=user)
    return None if user is None else PortHolder(pid=None, command="", user=user)


def open_files(process: Path) -> Mapping[str, None]:
    """What a process has open; nothing where that is not shown."""
    try:
        numbers = [*(process / "fd").iterdir()]
    except OSError:
        return {}
    found: dict[str, None] = {}
    for number in numbers:
        try:
            found[str(number.readlink())] = None
        except OSError:  # closed meanwhile
            continue
    return found


def command_of(process: Path) -> str:
    """Its command line, cut where it is long."""
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    text = " ".join(word for word in words if word)
    return text if len(text) <= MAX_COMMAND_CHARACTERS else f"{text[:MAX_COMMAND_CHARACTERS]}…"
