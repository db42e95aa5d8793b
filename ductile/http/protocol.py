"""The connection: what aiohttp answers by itself gets the contract's shape, and a handler can see the client leave."""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web import BaseRequest, RequestHandler

from ductile.errors import BadRequest, DuctileError
from ductile.http.ask import Reply
from ductile.http.middleware.errors import shape
from ductile.http.respond import respond
from ductile.model.ids import new_id


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_gone",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gone: asyncio.Future[None] | None = None

    def gone(self) -> asyncio.Future[None]:
        """Done when the client has closed the connection."""
        if self._gone is None or self._gone.cancelled():
            self._gone = asyncio.get_running_loop().create_future()
            if self.transport is None or self.transport.is_closing():
                self._gone.set_result(None)
        return self._gone

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
            error: DuctileError = BadRequest(reason=f"it is not well-formed HTTP ({type(exc).__name__})")
        else:
            self.logger.error("request failed outside its handler (%s)", request_id, exc_info=exc)
            error = DuctileError()
        response = respond(Reply(status=error.status, body=shape(error, request_id)), request_id)
        response.force_close()
        return response


class Connections(web.Server):
    """Makes the connections and keeps count of them."""

    def __call__(self) -> RequestHandler:
        """A new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)
