"""All connections: how many there may be, of whom, and which one makes room for a new one."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Protocol, cast

import structlog
from aiohttp import web
from aiohttp.web import RequestHandler

from ductile.http.edge.connection import Connection
from ductile.model.proxies import Proxies, parse_address

log = structlog.get_logger(__name__)

QUIET_SECONDS = 1.0
"""In which a new connection may be silent, and in which an answer may wait to be taken."""

WARNING_INTERVAL_SECONDS = 60.0
"""Between two warnings of one kind."""

SWEEP_INTERVAL_SECONDS = 1.0
"""Between two looks at all connections, while there are any."""


SUBNET_BITS = 64
"""Of an IPv6 address, its network: RFC 4291, 2.5.4."""

RESERVED_DIVISOR = 8
"""One connection in so many is kept from an address that takes all it can, where the settings do not say more."""


class ConnectionLimits(Protocol):
    """What the configuration says of connections; times in milliseconds."""

    @property
    def max_connections(self) -> int | None:
        """All; None: as many as the file descriptors allow."""

    @property
    def max_connections_per_address(self) -> int | None:
        """Of one address; None: all but an eighth."""

    @property
    def trusted_proxies(self) -> Proxies:
        """Who is not counted by address."""

    @property
    def header_timeout(self) -> int:
        """For the head of the first request."""

    @property
    def write_timeout(self) -> int:
        """After which a client that takes nothing is cut off."""


class ConnectionServer(web.Server):
    """Makes the connections, and cuts off the one that does the least where there are too many.

    The room goes to new ones: an operator and a probe get in however many hold what they have.
    """

    def __init__(self, *args: Any, max_open: int, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_open = max_open
        self.limits = limits
        """Of the configuration that serves."""
        self._open: dict[Connection, None] = {}
        """All but those that were cut off and are only not gone yet, the oldest first."""
        self._by_address: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        """The same of each address that is counted."""
        self._warned_at: dict[str, float] = {}
        self._sweeping = False

    def __call__(self) -> RequestHandler:
        """A new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count it in, and cut another one off where there are too many."""
        super().connection_made(handler, transport)
        connection = cast("Connection", handler)
        limits = self.limits
        limit = min(limits.max_connections or self._max_open, self._max_open)
        self._open[connection] = None
        address = counted_address(transport, limits.trusted_proxies)
        if address is not None:
            self._count_in(connection, address)
        self._make_room(self._open, limit, "api.max_connections", None)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_INTERVAL_SECONDS, self._sweep)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Count it out."""
        super().connection_lost(handler, exc)
        self._count_out(cast("Connection", handler))

    @contextmanager
    def counting_client(self, connection: Connection, address: str) -> Iterator[None]:
        """Meanwhile a proxy's connection is counted for the client that it calls for."""
        if connection.address is not None or self.limits.trusted_proxies.trust(address):
            yield
            return
        self._count_in(connection, counting_unit(address))
        try:
            yield
        finally:
            self._count_out_of_address(connection)

    def _count_in(self, connection: Connection, address: str) -> None:
        limits = self.limits
        limit = min(limits.max_connections or self._max_open, self._max_open)
        connection.address = address
        same = self._by_address[address]
        same[connection] = None
        share = limits.max_connections_per_address or limit - limit // RESERVED_DIVISOR
        self._make_room(same, share, "api.max_connections_per_address", address)

    def _count_out(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        self._count_out_of_address(connection)

    def _count_out_of_address(self, connection: Connection) -> None:
        address, connection.address = connection.address, None
        if address is not None:
            same = self._by_address[address]
            same.pop(connection, None)
            if not same:
                del self._by_address[address]

    def _make_room(self, among: Collection[Connection], limit: int, setting: str, address: str | None) -> None:
        """Cut off the one that does the least where there are too many.

        While all others have just begun, half as many again are let in.
        """
        if len(among) <= limit:
            return
        victim = self._least_busy(among, patient=len(among) <= limit * 1.5)
        if victim is not None:
            self._cut_off(victim)
            self._warn("connections.full", setting=setting, limit=limit, address=address, hint="the idlest are closed")

    def _cut_off(self, connection: Connection) -> None:
        self._count_out(connection)
        connection.abort_soon()

    def _least_busy(self, among: Iterable[Connection], *, patient: bool) -> Connection | None:
        """The oldest that says nothing; else one that takes no answer, sends requests ahead or does not send its body.

        One that has just come is cut off last, and only without patience.
        """
        before = self._loop.time() - QUIET_SECONDS
        writing = ahead = reading = fresh = None
        for one in among:
            if one.writing:
                writing = writing or one
            elif one.pipelines:
                ahead = ahead or one
            elif one.opened_at > before:
                fresh = fresh or (one if one.idle or one.awaits_body else None)
            elif one.idle:
                return one
            elif one.awaits_body:
                reading = reading or one
        return writing or ahead or reading or (None if patient else fresh)

    def _sweep(self) -> None:
        """Cut off who is too slow."""
        limits, now = self.limits, self._loop.time()
        for one in list(self._open):
            address = one.address
            if one.awaits_first_head and now - one.opened_at > limits.header_timeout / 1000:
                self._cut_off(one)
                self._warn("connections.slow_head", setting="api.header_timeout", address=address)
            elif one.is_stalled(now, limits.write_timeout / 1000):
                self._cut_off(one)
                self._warn("connections.slow_reader", setting="api.write_timeout", address=address)
        self._sweeping = bool(self._open)
        if self._sweeping:
            self._loop.call_later(SWEEP_INTERVAL_SECONDS, self._sweep)

    def _warn(self, event: str, **fields: Any) -> None:
        now = self._loop.time()
        if now - self._warned_at.get(event, -math.inf) > WARNING_INTERVAL_SECONDS:
            self._warned_at[event] = now
            log.warning(event, **fields)


def counted_address(transport: asyncio.Transport, proxies: Proxies) -> str | None:
    """The address that a connection is counted for; None for a Unix socket and for a trusted proxy."""
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return None
    address = str(peer[0])
    return None if proxies and proxies.trust(address) else counting_unit(address)


def counting_unit(address: str) -> str:
    """What an address is counted as: an IPv6 one as its /64, of which one caller has all addresses."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address) and not parsed.is_loopback:
        return str(IPv6Network((int(parsed), SUBNET_BITS), strict=False))
    return str(parsed or address)
