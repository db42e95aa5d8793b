"""The HTTP server: one handler for every request, which asks the router of the snapshot that serves."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.web import BaseRequest

from ductile.http.edge.connection import Connection
from ductile.http.edge.connection_server import ConnectionServer
from ductile.http.edge.listen_address import UNIX_PREFIX, cannot_listen, max_connections, site_for
from ductile.http.edge.response import send_reply
from ductile.http.gateway import Gateway
from ductile.http.reply import Reply
from ductile.http.request import Handler, Middleware, Request
from ductile.http.router import Router
from ductile.model.route import Route
from ductile.model.snapshot import Snapshot

LINGER_SECONDS = 5.0
"""Seconds in which the rest of a refused body is read away, so that the client gets to see the answer."""


def all_rows(snapshot: Snapshot) -> Sequence[Route]:
    """Every row of the snapshot."""
    return snapshot.rows


class HttpServer:
    """Listens, and answers through the middleware. Reloads change nothing here: each request reads the snapshot."""

    def __init__(
        self,
        gateway: Gateway,
        middleware: Sequence[Middleware],
        rows_of: Callable[[Snapshot], Sequence[Route]] = all_rows,
    ) -> None:
        self._gateway = gateway
        self._rows_of = rows_of
        """The rows that this server answers: another listener may have others."""
        self._router = Router(())
        self._handler = compose_middleware(middleware)
        self._runner: web.ServerRunner | None = None
        self._connections: ConnectionServer | None = None
        self._sockets: list[tuple[Path, int]] = []

    async def start(self, addresses: Sequence[str]) -> None:
        """Listen at every address. Raises CannotListen, and listens nowhere then."""
        api = self._gateway.live.snapshot.api
        self._connections = ConnectionServer(
            self._serve,
            max_open=max_connections(),
            limits=api,
            access_log=None,
            auto_decompress=False,
            lingering_time=LINGER_SECONDS,
            keepalive_timeout=api.keepalive_timeout / 1000,
        )
        self._runner = web.ServerRunner(self._connections)
        await self._runner.setup()
        for address in addresses:
            try:
                await self._listen(self._runner, address)
            except BaseException:
                await self.close(0)
                raise

    def apply(self, _old: Snapshot, new: Snapshot) -> None:
        """Follow a reload: connections have other limits."""
        if self._connections is not None:
            self._connections.limits = new.api

    async def _listen(self, runner: web.ServerRunner, address: str) -> None:
        site = site_for(runner, address)
        try:
            await site.start()
        except OSError as error:
            raise cannot_listen(address, error) from None
        if address.startswith(UNIX_PREFIX):
            path = Path(address.removeprefix(UNIX_PREFIX))
            self._sockets.append((path, path.lstat().st_ino))  # noqa: ASYNC240 - one stat of a local file, at start

    @property
    def urls(self) -> list[str]:
        """Where it listens: `http://127.0.0.1:8080`, `unix:/path`, in the order of the addresses."""
        return [url_of(address) for address in self._runner.addresses] if self._runner else []

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - aiohttp wants the seconds, it does the waiting
        """Accept nothing more, let requests finish for so many seconds, then cut them off."""
        if self._runner is None:
            return
        self._runner._shutdown_timeout = timeout  # noqa: SLF001 - known only now, and aiohttp takes it at setup alone
        await self._runner.cleanup()
        self._runner = None
        for path, inode in self._sockets:
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_ino == inode:
                    path.unlink()
        self._sockets.clear()

    def _router_for(self, snapshot: Snapshot) -> Router:
        rows = self._rows_of(snapshot)
        if rows is not self._router.rows:
            self._router = Router(rows)
        return self._router

    def _serve(self, raw: BaseRequest) -> Awaitable[web.StreamResponse]:
        snapshot = self._gateway.live.snapshot
        request = Request(self._gateway, raw, snapshot, self._router_for(snapshot))
        return self._serve_client(request) if snapshot.api.trusted_proxies else self._answer(request)

    async def _serve_client(self, request: Request) -> web.StreamResponse:
        """Answers a request that a proxy may have handed on: its client has a share of the connections."""
        connections, protocol = self._connections, request.raw.protocol
        if connections is None or not isinstance(protocol, Connection):
            return await self._answer(request)
        with connections.counting_client(protocol, request.client_address):
            return await self._answer(request)

    async def _answer(self, request: Request) -> web.StreamResponse:
        reply = await self._handler(request)
        return await send_reply(reply, request.request_id, request.raw)


def compose_middleware(middleware: Sequence[Middleware]) -> Handler:
    """The middleware around the handler of the row, the first one outermost."""
    handler: Handler = call_route
    for layer in reversed(middleware):
        handler = wrap_handler(layer, handler)
    return handler


def wrap_handler(layer: Middleware, proceed: Handler) -> Handler:
    """One handler of a middleware and what it stands around."""

    def handle(request: Request) -> Awaitable[Reply]:
        return layer(request, proceed)

    return handle


def call_route(request: Request) -> Awaitable[Reply]:
    """Call the row's handler."""
    if request.route is None:
        message = "the middleware let a request through that no row answers"
        raise RuntimeError(message)
    return request.route.handler(request)


def url_of(address: object) -> str:
    """The URL of a bound socket's address."""
    if not isinstance(address, tuple):
        return f"{UNIX_PREFIX}{address}"
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
