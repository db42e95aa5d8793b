import asyncio
from typing import Any

import orjson
import pytest
from aiohttp.web import BaseRequest, Response
from support.raw import AUTH, speak
from support.web import SECRET, Web
from yarl import URL

from ductile import parts
from ductile.errors import DuctileError
from ductile.http import server as module
from ductile.http.edge import connection_server
from ductile.http.server import HttpServer
from ductile.http.surfaces import system
from ductile.model.snapshot import Api


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /plugin/echo/poll HTTP/1.1\r\nContent-Length: -1\r\n{auth}\r\n\r\n",
        b"POST /plugin/echo/poll HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n{auth}\r\n\r\n{}",
        b"POST /plugin/echo/poll HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n{auth}\r\n\r\n{}",
        b"POST /plugin/echo/poll HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{auth}\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_gets_the_one_error_shape(web: Web, request_bytes: bytes) -> None:
    head, body = await speak(web, request_bytes)
    answer = orjson.loads(body)
    assert head.split(b" ")[1] == b"400"
    assert set(answer) == {"error", "message", "code", "details", "request_id"}
    assert (answer["error"], answer["code"]) == ("bad_request", 400)
    assert b"xxxxx" not in body
    assert await web.count() == 0


async def test_two_requests_in_one_packet_get_two_answers(web: Web) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    for _ in range(2):
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(b'{"status":"ok"}'))
    writer.close()


async def test_as_many_requests_as_come_in_one_packet_are_answered(web: Web) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    head = b"POST /plugin/echo/poll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\nContent-Length: 2"
    writer.write((head + b"\r\n\r\n{}") * 100)
    for _ in range(100):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 202 " in head
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    assert await web.count() == 100


LIMITS = Api(
    enabled=True,
    listen=(),
    max_concurrent_sync=1,
    max_sync_timeout=1,
    max_body_size=1,
    allowed_origins=(),
    metrics_public=True,
)


async def test_a_body_is_read_on_where_reading_paused_and_not_looked_for_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fed: list[int] = []
    paused = asyncio.Event()

    class Watched(connection_server.Connection):
        def data_received(self, data: bytes) -> None:
            fed.append(len(data))
            super().data_received(data)

        def pause_reading(self) -> None:
            super().pause_reading()
            paused.set()

    async def handle(raw: BaseRequest) -> Response:
        large = (raw.content_length or 0) > 100
        if large:
            await paused.wait()
        return Response(text=str(len(await raw.read())))

    monkeypatch.setattr(connection_server, "Connection", Watched)
    made = connection_server.ConnectionServer(handle, max_open=10, limits=LIMITS, access_log=None)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for size in (10, 1_000_000):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(str(size))) == str(size).encode()
            if not paused.is_set():
                assert 0 not in fed
        writer.close()
    assert paused.is_set()


async def test_http_1_0_and_absolute_targets_are_served(web: Web) -> None:
    assert b" 200 " in (await speak(web, b"GET /livez HTTP/1.0\r\n\r\n"))[0]
    assert b" 200 " in (await speak(web, b"GET http://elsewhere/livez HTTP/1.1\r\nHost: x\r\n\r\n"))[0]


@pytest.mark.parametrize("given", ["abc-1", "x" * 128, "a b~!"])
async def test_a_printable_request_id_is_kept(web: Web, given: str) -> None:
    for path in ("/livez", "/jobs", "/nothing"):
        answer = await web.get(path, headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] == given
    assert answer.json["request_id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "ümlaut", "tab\there"])
async def test_any_other_request_id_is_made_anew(web: Web, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    made = {(await web.get("/livez", headers=headers)).headers["X-Request-Id"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(one) == 36 for one in made)


async def test_a_header_cannot_be_injected(web: Web) -> None:
    answer = await web.get("/nothing%0d%0aX-Evil:%201", headers={"X-Request-Id": "a"})
    assert answer.status == 404
    assert "X-Evil" not in answer.headers
    head, _ = await speak(web, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rX-Evil: 1\r\n\r\n")
    assert b"x-evil" not in head.lower()


async def test_no_header_tells_a_version(web: Web) -> None:
    answer = await web.get("/livez")
    assert answer.headers["Server"] == "ductile"
    assert "aiohttp" not in str(answer.headers).lower()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/jobs", "GET, HEAD, OPTIONS"),
        ("GET", "/plugin/echo/poll", "OPTIONS, POST"),
        ("HEAD", "/system/reload", "OPTIONS, POST"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("PUT", "/job/x", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_without_a_row_is_405_with_what_is_possible(
    web: Web, method: str, path: str, allow: str
) -> None:
    answer = await web.call(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    if method != "HEAD":
        assert (answer.json["error"], answer.json["details"]["allow"]) == ("method_not_allowed", allow)


async def test_options_tells_what_is_possible_without_a_token(web: Web) -> None:
    answer = await web.call("OPTIONS", "/plugin/echo/poll", token=None)
    assert (answer.status, answer.headers["Allow"]) == (204, "OPTIONS, POST")
    assert (await web.call("OPTIONS", "/nothing", token=None)).status == 401


async def test_browsers_of_allowed_origins_may_call(web: Web) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    preflight = await web.call("OPTIONS", "/plugin/echo/poll", token=None, headers=asked)
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    for path in ("/jobs", "/nothing"):
        answer = await web.get(path, headers={"Origin": "https://app.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    for origin in ("https://evil.example", "null", "https://app.example.evil"):
        assert "Access-Control-Allow-Origin" not in (await web.get("/jobs", headers={"Origin": origin})).headers


async def test_an_unknown_path_is_404_in_the_one_shape(web: Web) -> None:
    answer = await web.get("/nothing/../here")
    assert (answer.status, answer.json["error"], answer.json["code"]) == (404, "not_found", 404)
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


async def test_what_nobody_expected_is_500_without_a_trace(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    async def explodes() -> None:
        message = f"inner words {SECRET}"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(web.control, "pause", explodes)
    answer = await web.post("/system/pause")
    assert (answer.status, answer.json["error"]) == (500, "internal_error")
    assert "inner words" not in str(answer.json)
    assert "Traceback" not in str(answer.json)
    assert (await web.get("/livez")).status == 200


async def test_secrets_in_an_error_are_redacted(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    class Telling(DuctileError):
        """The word is {word}."""

        status = 503

    async def tells() -> None:
        raise Telling(word=SECRET)

    monkeypatch.setattr(web.control, "pause", tells)
    answer = await web.post("/system/pause")
    assert answer.json["message"] == "The word is [REDACTED]."
    assert answer.json["details"] == {"word": "[REDACTED]"}


async def test_an_error_outside_every_middleware_has_the_shape_too(web: Web) -> None:
    snapshot = web.live.snapshot
    broken: Any = object()
    web.live.snapshot = broken
    answer = await web.get("/livez")
    web.live.snapshot = snapshot
    assert (answer.status, answer.json["error"]) == (500, "internal_error")
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_every_public_handler_is_a_probe_or_discovery() -> None:
    assert {row.path for row in system.ROUTES if row.scopes is None} == {"/healthz", "/livez", "/readyz"}


async def test_a_head_that_is_too_long_is_told_so(web: Web) -> None:
    _, body = await speak(web, b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000 + b"\r\n\r\n")
    assert "longer than 8190 bytes" in orjson.loads(body)["message"]


async def test_the_oldest_idle_connection_makes_room_for_a_new_one(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "max_connections", lambda: 3)
    monkeypatch.setattr(connection_server, "QUIET_SECONDS", -1.0)
    server = HttpServer(web.gateway, parts.MIDDLEWARE)
    await server.start(["127.0.0.1:0"])
    port = URL(server.urls[0]).port
    waiting = b"POST /plugin/echo/poll?wait=60 HTTP/1.1\r\nContent-Length: 0\r\n" + AUTH + b"\r\n\r\n"
    streams = []
    for said in (waiting, b"GET /livez HT", b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        streams.append((reader, writer))
    claimed = await web.claim()
    streams.append(await asyncio.open_connection("127.0.0.1", port))
    newest, oldest_idle, at_work = streams[3], streams[1], streams[0]
    assert await oldest_idle[0].read() == b""
    newest[1].write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await newest[0].readline()
    await web.finish(claimed)
    assert b" 200 " in await at_work[0].readline()
    for _, writer in streams:
        writer.close()
    await server.close(1)


@pytest.mark.parametrize(
    ("address", "unit"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("unix", "unix"),
    ],
)
def test_all_addresses_of_an_ipv6_network_are_one_caller(address: str, unit: str) -> None:
    assert connection_server.counting_unit(address) == unit
