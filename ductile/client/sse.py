"""Server-sent events: the gateway's events as a client reads them, with reconnects."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from msgspec import Struct
from yarl import URL

from ductile.client.answer import decode_answer
from ductile.client.errors import Foreign, Refused, Unreachable, failure_reason

EVENT_STREAM_MEDIA = "text/event-stream"
CONNECT_TIMEOUT_SECONDS = 30.0
"""Seconds within which a connection must be open."""
SILENCE_TIMEOUT_SECONDS = 60.0
"""Seconds without data after which a stream is given up."""
RECONNECT_DELAY_SECONDS = 1.0
"""Seconds before a stream that has ended is opened again."""


class Message(Struct, frozen=True):
    """One message of a stream of server-sent events."""

    id: str | None
    """The last id, of this message or of one before it."""
    type: str
    data: str
    """Empty for a message that has only an id."""


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


OpenStream = AbstractAsyncContextManager[AsyncIterator[Message]]


@asynccontextmanager
async def open_stream(
    session: aiohttp.ClientSession, url: URL, last_event_id: str | None, *, gateway: str
) -> AsyncIterator[AsyncIterator[Message]]:
    """Open a stream, from behind this id or from now on; `gateway` is its name in errors.

    Raises Unreachable, also while it is read, Refused, or Foreign.
    """
    headers = {"Accept": EVENT_STREAM_MEDIA, **({} if last_event_id is None else {"Last-Event-ID": last_event_id})}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=SILENCE_TIMEOUT_SECONDS)
    with _translate_errors(gateway):
        response = await session.get(url, headers=headers, timeout=timeout)
    async with response:
        if response.content_type != EVENT_STREAM_MEDIA:
            with _translate_errors(gateway):
                decode_answer(response.status, await response.read(), frozenset())
            raise Foreign(url=gateway, path=url.path, found=f"no stream of events but {response.content_type}")
        yield _read_response(response, gateway)


async def _read_response(response: aiohttp.ClientResponse, gateway: str) -> AsyncIterator[Message]:
    with _translate_errors(gateway):
        async for message in read_messages(response.content.iter_any()):
            yield message


@contextmanager
def _translate_errors(gateway: str) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unreachable(url=gateway, reason=failure_reason(error)) from None


async def follow_events(
    follow: Callable[[str | None], OpenStream], last_event_id: str | None, *, reconnect: bool
) -> AsyncIterator[dict[str, Any]]:
    """The events of the messages. With `reconnect` a stream that ends is opened again, behind its last message."""
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
            if not (connected and reconnect and is_temporary(error)):
                raise
        if not reconnect:
            return
        await asyncio.sleep(RECONNECT_DELAY_SECONDS)


def is_temporary(error: Unreachable | Refused) -> bool:
    """Whether the same call may succeed later: the gateway is unreachable or temporarily unavailable."""
    return isinstance(error, Unreachable) or error.http_status == HTTPStatus.SERVICE_UNAVAILABLE
