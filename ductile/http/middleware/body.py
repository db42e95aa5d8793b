"""Reads the body within its limit, and lets a client that waits for `100 Continue` begin only now."""

import asyncio
from collections.abc import Awaitable

from aiohttp.web import BaseRequest, RequestPayloadError

from ductile.errors import BadRequest
from ductile.http.ask import Ask, Handler, Reply
from ductile.http.errors import BodyTooLarge, BodyTooSlow, UnsupportedMedia
from ductile.model.clock import Millis

BROKEN = "its body broke off or is not encoded as its headers say"


def body(ask: Ask, proceed: Handler) -> Awaitable[Reply]:
    """Put the body into the ask where the row takes one; refuse one that is too large or encoded."""
    raw = ask.raw
    if not raw.body_exists:
        return proceed(ask)
    limit = ask.snapshot.api.max_body_size
    coding = raw.headers.get("Content-Encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise UnsupportedMedia(found=f"`Content-Encoding: {coding}`")
    wanted = ask.route is not None and ask.route.request is not None
    if wanted and raw.content.is_eof():
        ask.body = there(raw, limit)
        return proceed(ask)
    if (raw.content_length or 0) > limit:
        raise BodyTooLarge(limit=limit)
    return read_first(ask, proceed) if wanted else proceed(ask)


def there(raw: BaseRequest, limit: int) -> bytes:
    """The body that came together with the head, as most do. Raises BodyTooLarge or BadRequest."""
    try:
        whole = raw.content.read_nowait()
    except (RequestPayloadError, ConnectionError):
        raise BadRequest(reason=BROKEN) from None
    check(whole, limit)
    return whole


async def read_first(ask: Ask, proceed: Handler) -> Reply:
    """Go on once the body is there."""
    api = ask.snapshot.api
    ask.body = await read(ask.raw, api.max_body_size, api.body_timeout)
    return await proceed(ask)


async def read(raw: BaseRequest, limit: int, within: Millis) -> bytes:
    """The whole body. Raises BodyTooLarge, BodyTooSlow, or BadRequest for one that does not arrive as it should."""
    try:
        async with asyncio.timeout(within / 1000):
            await continue_expected(raw)
            return await read_parts(raw, limit)
    except TimeoutError:
        raise BodyTooSlow(seconds=within / 1000) from None
    except (RequestPayloadError, ConnectionError):
        raise BadRequest(reason=BROKEN) from None


async def continue_expected(raw: BaseRequest) -> None:
    """Send `100 Continue` to a client that asked for it."""
    if raw.headers.get("Expect", "").lower() == "100-continue":
        await raw.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        raw.writer.output_size = 0  # the answer itself has not begun


async def read_parts(raw: BaseRequest, limit: int) -> bytes:
    """The parts as they arrive, joined; never more than the limit and one part in memory."""
    whole = bytearray()
    while part := await raw.content.readany():
        whole += part
        check(whole, limit)
    return bytes(whole)


def check(data: bytes | bytearray, limit: int) -> None:
    """Raise BodyTooLarge (413) beyond the limit."""
    if len(data) > limit:
        raise BodyTooLarge(limit=limit)
