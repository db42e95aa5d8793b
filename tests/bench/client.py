"""Load clients: a crowd of keep-alive connections in a process of its own, and a single line for one call at a time."""

import asyncio
import json
import multiprocessing
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Self

Address = tuple[str, int]
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(kw_only=True)
class Load:
    """What a crowd has seen."""

    answers: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    """The part of the time in which the client itself was at work; near 1, it is the client that was measured."""
    others: dict[str, int] = field(default_factory=dict)
    """Answers of another status, and connections that broke: how often each."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def checked(self) -> float:
        """The rate; raises where any answer was another than expected."""
        if self.others:
            raise RuntimeError(f"unexpected answers: {self.others}")
        return self.rate


class _Caller(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last one is there.

    It knows only as much HTTP as our own answers need: a head, a Content-Length, a body.
    """

    def __init__(
        self, request: bytes, status: bytes, more: Callable[[], bool], load: Load, done: "asyncio.Future[None]"
    ) -> None:
        self._request = request
        self._status = status
        self._more = more
        self._load = load
        self._done = done
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if self._more():
            self._open = True
            self._transport.write(self._request)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if (size := whole(self._buffer)) is None:
            return
        status, self._buffer, self._open = self._buffer[9:12], self._buffer[size:], False
        if status == self._status:
            self._load.answers += 1
        else:
            self._other(f"status {status.decode(errors='replace')}")
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._open:
            self._other(f"connection lost: {exc!r}")
        if not self._done.done():
            self._done.set_result(None)

    def _other(self, what: str) -> None:
        self._load.others[what] = self._load.others.get(what, 0) + 1


def whole(answer: bytes) -> int | None:
    """The length of the first answer in it, None where that is not all there."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = answer[:end].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return end + 4 + length if len(answer) >= end + 4 + length else None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a crowd does: for some seconds, or so many calls in all."""

    address: Address
    request: bytes
    connections: int
    status: int = 202
    seconds: float = 0.0
    calls: int | None = None


def _work(pipe: Connection, plan: Plan) -> None:
    async def crowd() -> Load:
        loop, load = asyncio.get_running_loop(), Load()
        left = iter(range(plan.calls or 0))
        began, at_work = time.perf_counter(), time.process_time()

        def more() -> bool:
            if plan.calls is not None:
                return next(left, None) is not None
            return time.perf_counter() < began + plan.seconds

        dones: list[asyncio.Future[None]] = [loop.create_future() for _ in range(plan.connections)]
        for done in dones:
            caller = _Caller(plan.request, str(plan.status).encode(), more, load, done)
            await loop.create_connection(lambda caller=caller: caller, *plan.address)  # type: ignore[misc]  # a default
        await asyncio.gather(*dones)
        load.seconds = time.perf_counter() - began
        load.busy = (time.process_time() - at_work) / load.seconds
        return load

    pipe.send(asyncio.run(crowd()))
    pipe.close()


class Crowd:
    """Connections that carry out a plan in a process of their own, beside what else is done."""

    def __init__(self, plan: Plan) -> None:
        self._ours, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_work, args=(theirs, plan), daemon=True)
        self._process.start()
        theirs.close()

    def result(self) -> Load:
        """What they have seen, once they are done."""
        load: Load = self._ours.recv()
        return load

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self._process.kill()
        self._process.join()
        self._ours.close()


def crowd(plan: Plan) -> Load:
    """What the plan's connections see."""
    with Crowd(plan) as callers:
        return callers.result()


class Line:
    """A single connection that stays open, blocking: one call at a time."""

    def __init__(self, address: Address, token: str = "") -> None:
        self._token = token
        self._buffer = b""
        self._socket = socket.create_connection(address, timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._socket.sendall(request)
        return self._answer()

    def _answer(self) -> tuple[int, bytes]:
        while (size := whole(self._buffer)) is None:
            data = self._socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the server has hung up")
            self._buffer += data
        answer, self._buffer = self._buffer[:size], self._buffer[size:]
        return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and document of a POST."""
        status, answer = self.send(post(path, self._token, body))
        return status, json.loads(answer) if answer else None

    def get(self, path: str) -> Any:
        """The document of a GET that must succeed."""
        status, answer = self.send(get(path, self._token))
        if status != 200:
            raise RuntimeError(f"GET {path} answered {status}: {answer!r}")
        return json.loads(answer)


def post(path: str, token: str, body: Any = None) -> bytes:
    """The bytes of a POST; the body is bytes, or a value that becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    return _head("POST", path, token, {"Content-Type": "application/json", "Content-Length": str(len(data))}) + data


def get(path: str, token: str) -> bytes:
    """The bytes of a GET."""
    return _head("GET", path, token, {})


def _head(method: str, path: str, token: str, headers: Mapping[str, str]) -> bytes:
    said = {"Host": "127.0.0.1", **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    ).encode()
