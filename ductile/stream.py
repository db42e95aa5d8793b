"""The gateway's events as a client reads them: server-sent events, over a connection that may be made again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from msgspec import Struct
from yarl import URL

from ductile.answer import Foreign, Refused, Unreachable, decoded, reason_of

MEDIA = "text/event-stream"
CONNECT = 30.0
"""Seconds in which a connection must stand."""
SILENCE = 60.0
"""Seconds without a sign of life after which a stream is given up."""
RECONNECT = 1.0
"""Seconds before a stream that has ended is asked for again."""


class Message(Struct, frozen=True):
    """One message of a stream of server-sent events."""

    id: str | None
    """The last id that was told, with this message or before it."""
    type: str
    data: str
    """Empty for a message that only tells an id."""


async def read_messages(chunks: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    """The messages of a `text/event-stream`, as the HTML standard has them read; a part without an end is dropped."""
    last_id: str | None = None
    lines: list[bytes] = []
    async for line in _lines(chunks):
        if line:
            lines.append(line)
            continue
        fields = _fields(lines)
        lines = []
        last_id = fields.get("id", last_id)
        if fields.keys() & {"id", "data"}:
            yield Message(last_id, fields.get("event", "message"), fields.get("data", ""))


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")


def _fields(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in found:
            value = f"{found['data']}\n{value}"
        if name and not (name == "id" and "\0" in value):
            found[name] = value
    return found


Opened = AbstractAsyncContextManager[AsyncIterator[Message]]


@asynccontextmanager
async def opened(
    session: aiohttp.ClientSession, url: URL, last_event_id: str | None, *, gateway: str
) -> AsyncIterator[AsyncIterator[Message]]:
    """A stream that stands, from behind this id or from now on; `gateway` is how errors name it.

    Raises Unreachable, also while it is read, Refused, or Foreign.
    """
    headers = {"Accept": MEDIA, **({} if last_event_id is None else {"Last-Event-ID": last_event_id})}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE)
    with _reaching(gateway):
        response = await session.get(url, headers=headers, timeout=timeout)
    async with response:
        if response.content_type != MEDIA:
            with _reaching(gateway):
                decoded(response.status, await response.read(), frozenset())
            raise Foreign(url=gateway, path=url.path, found=f"no stream of events but {response.content_type}")
        yield _told(response, gateway)


async def _told(response: aiohttp.ClientResponse, gateway: str) -> AsyncIterator[Message]:
    with _reaching(gateway):
        async for message in read_messages(response.content.iter_any()):
            yield message


@contextmanager
def _reaching(gateway: str) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unreachable(url=gateway, reason=reason_of(error)) from None


async def events(
    follow: Callable[[str | None], Opened], last_event_id: str | None, *, reconnect: bool
) -> AsyncIterator[dict[str, Any]]:
    """What the messages say. With `reconnect` a stream that ends is opened again, behind its last message."""
    connected = False
    while True:
        try:
            async with follow(last_event_id) as messages:
                connected = True
                async for message in messages:
                    last_event_id = message.id
                    if message.data:
                        yield orjson.loads(message.data)
        except (Unreachable, Refused) as error:
            if not (connected and reconnect and may_pass(error)):
                raise
        if not reconnect:
            return
        await asyncio.sleep(RECONNECT)


def may_pass(error: Unreachable | Refused) -> bool:
    """Whether the same call may succeed later: the gateway is away, or says that it cannot now."""
    return isinstance(error, Unreachable) or error.http_status == HTTPStatus.SERVICE_UNAVAILABLE
