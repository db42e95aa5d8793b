"""A body that is made while it is sent: part by part, at the client's pace, until it ends or the client leaves."""

import asyncio
from typing import Any, Protocol, Self

import structlog
from aiohttp import web
from aiohttp.web import BaseRequest

log = structlog.get_logger(__name__)


class BodyParts(Protocol):
    """The parts of a body. `aclose` is called in every case, also where none was asked for (HEAD, the client left)."""

    def __aiter__(self) -> Self:
        """Itself."""

    async def __anext__(self) -> bytes:
        """The next part, once there is one. It is cancelled where the client leaves first."""

    async def aclose(self) -> None:
        """Let go of what it holds; nothing is asked for any more."""


async def send_parts(response: web.StreamResponse, parts: BodyParts, raw: BaseRequest) -> None:
    """Send the head at once and each part as it comes. A slow client delays its own next part, and nothing else.

    A body that breaks off closes the connection without an end, so that the client does not take it for whole.
    """
    try:
        await response.prepare(raw)
        if raw.method != "HEAD":
            await _until_disconnected(raw, asyncio.create_task(_write_parts(response, parts)))
    except ConnectionError:
        raise  # the client has left
    except Exception as error:
        log.exception("answer broke off", request_id=response.headers.get("X-Request-Id"), path=raw.rel_url.raw_path)
        raise ConnectionError from error
    finally:
        await parts.aclose()


async def _write_parts(response: web.StreamResponse, parts: BodyParts) -> None:
    async for part in parts:
        await response.write(part)


async def _until_disconnected(raw: BaseRequest, copying: asyncio.Task[None]) -> None:
    """Wait until all is sent, or the client closes its connection. Raises what the copying raised."""
    protocol: Any = raw.protocol
    gone: asyncio.Future[None] = protocol.disconnected()
    try:
        await asyncio.wait({copying, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        copying.cancel()
        await asyncio.wait({copying})
    if not copying.cancelled():
        copying.result()
