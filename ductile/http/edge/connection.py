"""The connection: what aiohttp answers by itself gets the contract's shape, and a handler can see the client leave."""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web import BaseRequest, RequestHandler

from ductile.errors import BadRequest, DuctileError
from ductile.http.edge.response import json_response
from ductile.http.edge.write_progress import WriteProgress, buffered_bytes, is_too_slow, measure_progress
from ductile.http.middleware.errors import envelope_body
from ductile.http.reply import JsonReply
from ductile.model.ids import new_id


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_disconnected", "_progress", "address", "opened_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._disconnected: asyncio.Future[None] | None = None
        self.opened_at = self._loop.time()
        self.address: str | None = None
        """The address that it is counted for."""
        self._progress: WriteProgress | None = None
        """What the client had taken when a part of an answer began to wait for it."""

    def disconnected(self) -> asyncio.Future[None]:
        """Done when the client has closed the connection."""
        if self._disconnected is None or self._disconnected.cancelled():
            self._disconnected = asyncio.get_running_loop().create_future()
            if self.transport is None or self.transport.is_closing():
                self._disconnected.set_result(None)
        return self._disconnected

    @property
    def idle(self) -> bool:
        """Whether no request is under way: none has come, its head is not whole, or all are answered."""
        return not (self._request_in_progress or self._messages or self._force_close)

    @property
    def awaits_first_head(self) -> bool:
        """Whether not even the head of its first request has come."""
        return not self._request_count

    @property
    def writing(self) -> bool:
        """Whether a part of an answer waits for the client to take it."""
        return buffered_bytes(self._open_transport) > 0

    @property
    def pipelines(self) -> bool:
        """Whether more requests have come while one is under way."""
        return self._request_in_progress and len(self._messages) > 0

    @property
    def awaits_body(self) -> bool:
        """Whether the handler waits for the rest of a body."""
        request = self._current_request
        return request is not None and not request.content.is_eof()

    @property
    def _open_transport(self) -> asyncio.Transport | None:
        return self.transport

    def is_stalled(self, now: float, within: float) -> bool:
        """Whether the client has taken next to nothing of its answer for so many seconds; asked again and again."""
        transport = self._open_transport
        if transport is None or not self.writing:
            self._progress = None
            return False
        if self._progress is None:
            self._progress = measure_progress(transport, now)
        elif now - self._progress.at >= within:
            before, self._progress = self._progress, measure_progress(transport, now)
            return is_too_slow(before, self._progress)
        return False

    def abort_soon(self) -> None:
        """Close at once; what the client has not taken is dropped. A handler that is about to begin begins first."""
        self._loop.call_soon(self._abort)

    def _abort(self) -> None:
        transport = self._open_transport
        if transport is not None:
            transport.abort()
            self.force_close()

    def resume_reading(self, *how: Any, **named: Any) -> None:  # aiohttp's versions differ in what they pass
        """Go on where reading had to pause. aiohttp asks for it behind every body, and then looks for more input."""
        if self._reading_paused:
            super().resume_reading(*how, **named)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell who watches."""
        super().connection_lost(exc)
        if self._disconnected is not None and not self._disconnected.done():
            self._disconnected.set_result(None)

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
        response = json_response(JsonReply(status=error.status, body=envelope_body(error, request_id)), request_id)
        response.force_close()
        return response


def reason_of(error: BaseException | None) -> str:
    """What is wrong with a request that could not be read."""
    if isinstance(error, LineTooLong):
        return "its request line or one of its headers is longer than 8190 bytes"
    return f"it is not well-formed HTTP ({type(error).__name__})"
