"""Reads the body within its limit, and lets a client that waits for `100 Continue` begin only now."""

import asyncio
from collections.abc import Awaitable, Sequence

from aiohttp.web import BaseRequest, RequestPayloadError

from ductile.errors import BadRequest
from ductile.http.errors import BodyTooLarge, BodyTooSlow, UnsupportedMedia
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request
from ductile.model.clock import Millis
from ductile.model.route import JSON_MEDIA

BROKEN_BODY_REASON = "its body broke off or is not encoded as its headers say"


def receive_body(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Put the body into the request where the row takes one; refuse one that is too large or encoded."""
    raw = request.raw
    if not raw.body_exists:
        return proceed(request)
    limit = max_body_of(request)
    coding = raw.headers.get("Content-Encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise UnsupportedMedia(found=f"`Content-Encoding: {coding}`")
    route = request.route
    wanted = route is not None and route.request is not None
    if route is not None and wanted:
        check_content_type(raw, route.content_types)
    if wanted and raw.content.is_eof():
        request.body = read_buffered(raw, limit)
        return proceed(request)
    if (raw.content_length or 0) > limit:
        raise BodyTooLarge(limit=limit)
    return read_then_proceed(request, proceed) if wanted else proceed(request)


def max_body_of(request: Request) -> int:
    """Bytes that the body may have."""
    own = request.route.max_body if request.route is not None else None
    return request.snapshot.api.max_body_size if own is None else own


def check_content_type(raw: BaseRequest, accepted: Sequence[str]) -> None:
    """Raise UnsupportedMedia (415) for a type that the row does not accept. What is to be JSON says its parser."""
    if accepted == (JSON_MEDIA,) or "*/*" in accepted:
        return
    essence = raw.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if essence not in accepted:
        raise UnsupportedMedia(found=essence or "without a type", accepted=" or ".join(accepted))


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
    request.body = await read_within(request.raw, max_body_of(request), request.snapshot.api.body_timeout)
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
