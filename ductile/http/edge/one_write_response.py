"""The usual answer, JSON in one piece: its head and body are written together.

aiohttp's own response makes a header map, adds what may be missing and writes in steps, which is most of the work of
a small answer. All that is different (no body, HEAD, HTTP/1.0, a body that is sent as it comes) goes aiohttp's way.
"""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
"""The first line of an answer."""

CLOSE_HEADER = "Connection: close\r\n"

BODILESS_STATUSES = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})


def fits_one_write(raw: BaseRequest, status: int, more: Mapping[str, str]) -> bool:
    """Whether an answer with this status, these headers and a JSON body can be written so."""
    plain = raw.version == HttpVersion11 and raw.method != "HEAD" and "Content-Type" not in more
    return plain and status in STATUS_LINES and status not in BODILESS_STATUSES


class OneWriteResponse(web.StreamResponse):
    """An answer whose head and body are known."""

    def __init__(self, status: int, body: bytes, request_id: str, more: Mapping[str, str]) -> None:
        # aiohttp asks an answer for no more than this, `prepare` and `write_eof`; its own fields stay unset.
        self._keep_alive = None
        self._line = STATUS_LINES[status]
        self._content = body
        self._request_id = request_id
        self._more = "".join([_line(name, value) for name, value in more.items()])

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Write it all."""
        writer = request.writer
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        close = "" if self._keep_alive else CLOSE_HEADER
        head = (
            f"{self._line}Content-Type: application/json\r\nContent-Length: {len(self._content)}\r\n"
            f"Server: ductile\r\nX-Request-Id: {self._request_id}\r\nDate: {rfc822_formatted_time()}\r\n"
            f"{self._more}{close}\r\n"
        )
        data = head.encode() + self._content
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(data)
        writer.output_size += len(data)
        await writer.drain()
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to be written."""


def _line(name: str, value: str) -> str:
    if "\r" in value or "\n" in value:
        message = f"the header {name} would break a line"
        raise ValueError(message)
    return f"{name}: {value}\r\n"
