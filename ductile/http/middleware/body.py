"""Reads the body within its limit, and lets a client that waits for `100 Continue` begin only now."""

import asyncio
from collections.abc import Awaitable

from aiohttp.web import BaseRequest, RequestPayloadError

from ductile.errors import BadRequest
from ductile.http.errors import BodyTooLarge, BodyTooSlow, UnsupportedMedia
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request
from ductile.model.clock import Millis

BROKEN_BODY_REASON = "its body broke off or is not encoded as its headers say"


def receive_body(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Put the body into the request where the row takes one; refuse one that is too large or encoded."""
    raw = request.raw
    if not raw.body_exists:
        return proceed(request)
    limit = request.snapshot.api.max_body_size
    coding = raw.headers.get("Content-Encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise UnsupportedMedia(found=f"`Content-Encoding: {coding}`")
    wanted = request.route is not None and request.route.request is not None
    if wanted and raw.content.is_eof():
        request.body = read_buffered(raw, limit)
        return proceed(request)
    if (raw.content_length or 0) > limit:
        raise BodyTooLarge(limit=limit)
    return read_then_proceed(request, proceed) if wanted else proceed(request)


def read_buffered(raw: BaseRequest, limit: int) -> bytes:
    """The body that came together with the head, as most do. Raises BodyTooLarge or BadRequest."""
    try:
        whole = raw.content.read_nowait()
    except (RequestPayloadError, ConnectionError):
        raise BadRequest(reason=BROKEN_BODY_REASON) from None
    check_size(whole, limit)
    return whole


async def read_then_proceed(request: Request, proceed: Handler) -> Reply:
    """Go on once the body is there."""
    api = request.snapshot.api
    request.body = await read_within(request.raw, api.max_body_size, api.body_timeout)
    return await proceed(request)


async def read_within(raw: BaseRequest, limit: int, within: Millis) -> bytes:
    """The whole body. Raises BodyTooLarge, BodyTooSlow, or BadRequest for one that does not arrive as it should."""
    try:
        async with asyncio.timeout(within / 1000):
            await send_continue(raw)
            return await read_parts(raw, limit)
    except TimeoutError:
        raise BodyTooSlow(seconds=within / 1000) from None
    except (RequestPayloadError, ConnectionError):
        raise BadRequest(reason=BROKEN_BODY_REASON) from None


async def send_continue(raw: BaseRequest) -> None:
    """Send `100 Continue` to a client that asked for it."""
    if raw.headers.get("Expect", "").lower() == "100-continue":
        await raw.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        raw.writer.output_size = 0  # the answer itself has not begun


async def read_parts(raw: BaseRequest, limit: int) -> bytes:
    """The parts as they arrive, joined; never more than the limit and one part in memory."""
    whole = bytearray()
    while part := await raw.content.readany():
        whole += part
        check_size(whole, limit)
    return bytes(whole)


def check_size(data: bytes | bytearray, limit: int) -> None:
    """Raise BodyTooLarge (413) beyond the limit."""
    if len(data) > limit:
        raise BodyTooLarge(limit=limit)
