"""How much of what was sent a client has taken: a client that takes nothing holds its connection for ever."""

import asyncio
import socket
import struct

from msgspec import Struct

MIN_BYTES_PER_SECOND = 1024
"""The rate below which a client counts as one that takes nothing."""

ACKNOWLEDGED_BYTES = struct.Struct("=120xQ")
"""`tcpi_bytes_acked` in Linux's `struct tcp_info`: bytes that the client's system has taken."""


class WriteProgress(Struct, frozen=True):
    """What a client had taken at a time."""

    at: float
    """Seconds of the event loop."""
    taken: int
    """Bytes; only differences mean something."""


def buffered_bytes(transport: asyncio.Transport | None) -> int:
    """Bytes that wait in the gateway until the client takes some; what waits in the system is not counted."""
    return 0 if transport is None else transport.get_write_buffer_size()


def measure_progress(transport: asyncio.Transport, now: float) -> WriteProgress:
    """What the client has taken by now."""
    peer = transport.get_extra_info("socket")
    if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
        try:
            (taken,) = ACKNOWLEDGED_BYTES.unpack(
                peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, ACKNOWLEDGED_BYTES.size)
            )
        except (OSError, struct.error):
            return WriteProgress(now, -buffered_bytes(transport))
        return WriteProgress(now, taken)
    return WriteProgress(now, -buffered_bytes(transport))


def is_too_slow(before: WriteProgress, now: WriteProgress) -> bool:
    """Whether the client has taken less than the slowest rate since."""
    return now.taken - before.taken < MIN_BYTES_PER_SECOND * (now.at - before.at)
