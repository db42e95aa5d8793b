"""The connection: what aiohttp answers by itself gets the contract's shape, and a handler can see the client leave."""

import asyncio
import math
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web import BaseRequest, RequestHandler

from ductile.errors import BadRequest, DuctileError
from ductile.http.ask import Reply
from ductile.http.middleware.errors import shape
from ductile.http.respond import respond
from ductile.model.ids import new_id

log = structlog.get_logger(__name__)

PATIENCE = 1.0
"""Seconds in which a new connection may be silent."""

TOLD_EVERY = 60.0
"""Seconds between two warnings that the connections are full."""


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_gone", "made_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gone: asyncio.Future[None] | None = None
        self.made_at = self._loop.time()

    def gone(self) -> asyncio.Future[None]:
        """Done when the client has closed the connection."""
        if self._gone is None or self._gone.cancelled():
            self._gone = asyncio.get_running_loop().create_future()
            if self.transport is None or self.transport.is_closing():
                self._gone.set_result(None)
        return self._gone

    @property
    def idle(self) -> bool:
        """Whether no request is under way: none has come, its head is not whole, or all are answered."""
        return not (self._request_in_progress or self._messages or self._force_close)

    def resume_reading(self, *how: Any, **named: Any) -> None:  # aiohttp's versions differ in what they pass
        """Go on where reading had to pause. aiohttp asks for it behind every body, and then looks for more input."""
        if self._reading_paused:
            super().resume_reading(*how, **named)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell who watches."""
        super().connection_lost(exc)
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's words quote the client's bytes
    ) -> web.StreamResponse:
        """Answer what is not HTTP with 400, and what escaped every middleware with 500; the connection closes then."""
        if request.writer.output_size > 0:
            reason = "the answer has begun, no other can follow"
            raise ConnectionError(reason)
        request_id = new_id()
        if status == HTTPStatus.BAD_REQUEST:
            error: DuctileError = BadRequest(reason=reason_of(exc))
        else:
            self.logger.error("request failed outside its handler (%s)", request_id, exc_info=exc)
            error = DuctileError()
        response = respond(Reply(status=error.status, body=shape(error, request_id)), request_id)
        response.force_close()
        return response


def reason_of(error: BaseException | None) -> str:
    """What is wrong with a request that could not be read."""
    if isinstance(error, LineTooLong):
        return "its request line or one of its headers is longer than 8190 bytes"
    return f"it is not well-formed HTTP ({type(error).__name__})"


class Connections(web.Server):
    """Makes the connections, about `most` of them: the oldest idle one makes room for a new one.

    Without that, clients that connect and say nothing could take every file descriptor, and no plugin would start.
    """

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._most = most
        self._told_at = -math.inf

    def __call__(self) -> RequestHandler:
        """A new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count it in, and close the oldest idle one where there are too many: this one, if all others are at work.

        One that has just come gets time to say something, while there is room for half as many again.
        """
        super().connection_made(handler, transport)
        open_now = len(self._connections)
        if open_now <= self._most:
            return
        idle = next((one for one in self._connections if isinstance(one, Connection) and one.idle), None)
        if idle is None or (idle.made_at > self._loop.time() - PATIENCE and open_now <= self._most * 1.5):
            return
        idle.force_close()
        if self._loop.time() - self._told_at > TOLD_EVERY:
            self._told_at = self._loop.time()
            log.warning("connections.full", most=self._most, hint="idle ones are closed; raise `ulimit -n` for more")
