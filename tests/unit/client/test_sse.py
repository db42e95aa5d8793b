"""The gateway's events as a client reads them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web as aioweb
from support.web import Web, serving

from ductile.client import AuthFailed, Client, Refused, Unreachable, sse
from ductile.client.errors import Foreign
from ductile.client.sse import Message, read_messages
from ductile.model.journal import EntryKind
from ductile.store.meta import journal


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    async with serving(tmp_path) as web:
        yield web


async def note(web: Web, kind: EntryKind = EntryKind.GATEWAY_PAUSED) -> None:
    await web.store.write(journal, kind)


async def read(*chunks: bytes) -> list[Message]:
    async def flow() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [message async for message in read_messages(flow())]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (b"id: 1\nevent: a\ndata: {}\n\n", [Message("1", "a", "{}")]),
        (b"id: 1\r\nevent: a\r\ndata: x\r\n\r\n", [Message("1", "a", "x")]),
        (b"data:x\n\ndata:  y\n\n", [Message(None, "message", "x"), Message(None, "message", " y")]),
        (b"data: a\ndata: b\n\n", [Message(None, "message", "a\nb")]),
        (b": hello\n\n\n\n:\nretry: 5\n\n", []),
        (b"id: 7\n\ndata: x\n\n", [Message("7", "message", ""), Message("7", "message", "x")]),
        (b"id: 7\ndata: \xff\n\n", [Message("7", "message", "\N{REPLACEMENT CHARACTER}")]),
        (b"id: 1\n\nid: a\0b\ndata: x\n\n", [Message("1", "message", ""), Message("1", "message", "x")]),
        (b"id: 1\ndata: cut off", []),
    ],
)
async def test_messages_are_read_however_they_are_cut(text: bytes, messages: list[Message]) -> None:
    assert await read(text) == messages
    assert await read(*(bytes([byte]) for byte in text)) == messages


async def test_the_client_gets_what_happens_and_asks_for_types(web: Web) -> None:
    await note(web)
    async with Client(web.url, "listener-token") as client:
        async with aclosing(client.events(0, ["gateway.resumed", "config.*"])) as events:
            waiting = asyncio.ensure_future(anext(events))
            await note(web, EntryKind.GATEWAY_RESUMED)
            assert await waiting == {"id": 2, "type": "gateway.resumed", "at": "2023-11-14T22:13:20.000Z"}
        assert [one["id"] async for one in limited(client.events("0"), 2)] == [1, 2]


async def limited(events: AsyncIterator[dict[str, Any]], n: int) -> AsyncIterator[dict[str, Any]]:
    async with aclosing(events):  # type: ignore[type-var]  # a generator
        for _ in range(n):
            yield await anext(events)


async def test_a_stream_that_stands_misses_nothing_that_is_begun_after_it(web: Web) -> None:
    async with Client(web.url, "admin-token") as client, client.following(types=["job.*"]) as messages:
        job_id = (await client.trigger("echo", "poll"))["job_id"]
        await web.claim()
        told = [message async for message in until_data(messages)]
    assert job_id in told[-1].data


async def until_data(messages: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for message in messages:
        yield message
        if message.data:
            return


async def test_it_ends_when_the_gateway_ends_it(web: Web) -> None:
    async with Client(web.url, "listener-token") as client:
        await note(web)
        events = client.events(0)
        assert (await anext(events))["id"] == 1
        await web.feed.stop()
        assert [event async for event in events] == []


async def test_what_is_refused_is_an_error_of_the_client(web: Web) -> None:
    async with Client(web.url, "reader-token") as client:
        with pytest.raises(AuthFailed):
            await anext(client.events(reconnect=True))
    async with Client(web.url, "listener-token") as client:
        with pytest.raises(Refused, match="names no event"):
            await anext(client.events(types=["job.endet"], reconnect=True))


async def test_a_gateway_that_was_never_there_is_not_waited_for() -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
            await anext(client.events(reconnect=True))


@contextlib.asynccontextmanager
async def pretender(answers: list[Any]) -> AsyncIterator[tuple[str, list[str | None]]]:
    """A gateway of the test's own: how each connection is answered, and with which last id it came."""
    came: list[str | None] = []

    async def answer(request: aioweb.BaseRequest) -> aioweb.StreamResponse:
        came.append(request.headers.get("Last-Event-ID"))
        now = answers[min(len(came), len(answers)) - 1]
        if isinstance(now, int):
            return aioweb.json_response({"error": "x", "message": "not now"}, status=now)
        response = aioweb.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(now)
        if now.endswith(b"broken"):
            request.transport.abort()  # type: ignore[union-attr]  # it is there
        return response

    runner = aioweb.ServerRunner(aioweb.Server(answer))
    await runner.setup()
    site = aioweb.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}", came
    await runner.cleanup()


async def test_it_connects_again_behind_the_last_event_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "RECONNECT_DELAY_SECONDS", 0)
    answers = [
        b'id: 4\n\nid: 5\ndata: {"n":1}\n\n',
        b'data: {"half":broken',
        503,
        b'id: 6\ndata: {"n":2}\n\nid: 9\n\n',
        401,
    ]
    async with pretender(answers) as (url, came), Client(url) as client:
        events = client.events(3, reconnect=True)
        assert [await anext(events), await anext(events)] == [{"n": 1}, {"n": 2}]
        with pytest.raises(AuthFailed):
            await anext(events)
    assert came == ["3", "5", "5", "5", "9"]


async def test_a_stream_that_breaks_off_is_an_error_where_nobody_connects_again() -> None:
    async with pretender([b'data: {"half":broken']) as (url, _), Client(url) as client:
        with pytest.raises(Unreachable):
            await anext(client.events())


async def test_what_sends_no_stream_is_no_gateway_with_events() -> None:
    async with pretender([200]) as (url, _), Client(url) as client:
        with pytest.raises(Foreign, match="no stream of events"):
            await anext(client.events())


async def test_an_error_of_the_caller_stays_its_own(web: Web) -> None:
    async with Client(web.url, "listener-token") as client:
        with pytest.raises(BrokenPipeError):
            async with client.following():
                raise BrokenPipeError
