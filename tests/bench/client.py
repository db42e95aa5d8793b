"""A load client: keep-alive connections that each send the next request when the answer to the last one is there."""

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection


class _Caller(asyncio.Protocol):
    """One connection. It knows only as much HTTP as our own answers need: a head, a Content-Length, a body."""

    def __init__(self, request: bytes, status: bytes, until: float, done: "asyncio.Future[int]") -> None:
        self._request = request
        self._status = status
        self._until = until
        self._done = done
        self._buffer = b""
        self._answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().index(b"content-length:") + 15
        length = int(head[at : head.index(b"\r\n", at)] if b"\r\n" in head[at:] else head[at:])
        if len(rest) < length:
            return
        if head.split(b" ", 2)[1] != self._status:
            self._done.set_exception(RuntimeError(f"unexpected answer: {head!r} {rest!r}"))
            self._transport.abort()
            return
        self._buffer = b""
        self._answers += 1
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            if exc is None:
                self._done.set_result(self._answers)
            else:
                self._done.set_exception(exc)


def _work(pipe: Connection, address: tuple[str, int], request: bytes, connections: int, seconds: float) -> None:
    async def load() -> float:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        futures = []
        for _ in range(connections):
            done: asyncio.Future[int] = loop.create_future()
            futures.append(done)
            await loop.create_connection(
                lambda done=done: _Caller(request, b"202", began + seconds, done),
                *address,  # type: ignore[misc]  # mypy cannot type a default in a lambda
            )
        answers = sum(await asyncio.gather(*futures))
        return answers / (time.perf_counter() - began)

    pipe.send(asyncio.run(load()))


def rate(address: tuple[str, int], request: bytes, connections: int, seconds: float) -> float:
    """Answers (all must be 202) a second, seen by a client in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(theirs, address, request, connections, seconds)
    )
    process.start()
    theirs.close()
    try:
        answered: float = ours.recv()
    finally:
        process.join()
        ours.close()
    return answered


def post(path: str, token: str, body: bytes) -> bytes:
    """The bytes of a POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
