"""Bodies that are sent as they are made."""

import asyncio
from collections.abc import Callable
from typing import Self

import aiohttp
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.raw import AUTH
from support.web import Web

from ductile.http.reply import Reply, StreamReply
from ductile.http.request import Request
from ductile.model.route import Route


class Scripted:
    """Parts that a test hands out one by one; None ends the body."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.asked = 0
        self.endless: bytes | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        part = self.endless or await self.queue.get()
        if isinstance(part, Exception):
            raise part
        if part is None:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        assert not self.closed.is_set(), "closed twice"
        self.closed.set()

    def feed(self, *parts: bytes | Exception | None) -> None:
        for part in parts:
            self.queue.put_nowait(part)


@pytest.fixture
def parts(web: Web) -> Scripted:
    """What `GET /flow` sends."""
    made = Scripted()

    async def flow(_request: Request) -> Reply:
        return StreamReply(parts=made, headers={"Content-Type": "text/plain", "Cache-Control": "no-store"})

    row = Route(method="GET", path="/flow", handler=flow, summary="Flows")
    snapshot = web.live.snapshot
    web.live.snapshot = replace(snapshot, rows=[*snapshot.rows, row])
    return made


def get(web: Web, method: str = "GET") -> aiohttp.client._RequestContextManager:
    return web.session.request(method, f"{web.url}/flow", headers={"Authorization": "Bearer admin-token"})


async def until(there: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; the test's timeout ends one that never is."""
    while not there():  # noqa: ASYNC110 - aiohttp signals none of what is waited for
        await asyncio.sleep(0)


async def test_the_head_goes_out_before_there_is_a_part_and_each_part_as_it_comes(web: Web, parts: Scripted) -> None:
    async with get(web) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/plain")
        assert (response.headers["Cache-Control"], response.headers["Server"]) == ("no-store", "ductile")
        assert "X-Request-Id" in response.headers
        parts.feed(b"one")
        assert await response.content.readany() == b"one"
        parts.feed(b"two", None)
        assert await response.read() == b"two"
    await parts.closed.wait()


async def test_the_connection_is_kept_for_the_next_request(web: Web, parts: Scripted) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    parts.feed(b"whole", None)
    writer.write(b"GET /flow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\n\r\n")
    assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"5\r\nwhole\r\n0\r\n\r\n")
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def test_head_answers_at_once_and_asks_for_nothing(web: Web, parts: Scripted) -> None:
    async with get(web, "HEAD") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/plain")
        assert await response.read() == b""
    await parts.closed.wait()
    assert parts.asked == 0


async def test_a_client_that_leaves_is_noticed_while_nothing_is_sent(web: Web, parts: Scripted) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"GET /flow HTTP/1.1\r\n" + AUTH + b"\r\n\r\n")
    await until(lambda: parts.asked == 1)
    writer.close()
    await parts.closed.wait()


async def test_a_client_that_reads_nothing_is_not_sent_more_than_fits_between(web: Web, parts: Scripted) -> None:
    parts.endless = b"x" * 65536
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port, limit=1024)
    writer.write(b"GET /flow HTTP/1.1\r\n" + AUTH + b"\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    before = -1
    while before != parts.asked:  # until it asks for no more
        before = parts.asked
        for _ in range(100):
            assert (await web.get("/livez")).status == 200
    assert parts.asked * 65536 < 64 * 1024 * 1024
    writer.transport.abort()
    await parts.closed.wait()


async def test_an_old_client_reads_until_the_connection_closes(web: Web, parts: Scripted) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    parts.feed(b"whole", None)
    writer.write(b"GET /flow HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer admin-token\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"whole"
    writer.close()


async def test_a_body_that_breaks_off_is_not_taken_for_whole(web: Web, parts: Scripted) -> None:
    parts.feed(b"half", RuntimeError("lost"))
    with capture_logs() as logs:
        async with get(web) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        await parts.closed.wait()
    [line] = [line for line in logs if line["event"] == "answer broke off"]
    assert (line["log_level"], line["path"]) == ("error", "/flow")
    assert line["request_id"] == response.headers["X-Request-Id"]


async def test_a_server_that_closes_cuts_off_what_does_not_end(web: Web, parts: Scripted) -> None:
    async with get(web):
        await until(lambda: parts.asked == 1)
        await web.server.close(0.01)
        await parts.closed.wait()
