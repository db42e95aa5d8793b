"""The usual answer, as it goes over the wire, against what aiohttp makes of the same reply."""

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web

from ductile.http.edge.response import json_response
from ductile.http.reply import JsonReply, Reply


async def told(reply: Reply, request: bytes, *, whole: bool) -> tuple[bytes, dict[bytes, bytes], bytes, bool]:
    """What a client reads: the first line, the headers, the body, and whether the connection stays."""

    async def handle(raw: web.BaseRequest) -> web.StreamResponse:
        return json_response(reply, "an-id", raw if whole else None)

    server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(b": ") for field in fields)}
        body = b"" if request.startswith(b"HEAD") else await reader.readexactly(int(headers[b"content-length"]))
        writer.write(request)
        stays = bool(await reader.read(1))
        writer.close()
    headers.pop(b"date")
    return line, headers, body, stays


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (202, {"job_id": "1", "text": "äöü"}, {"Location": "/job/1"}),
        (200, b"[]", {}),
        (503, {"error": "x"}, {"Retry-After": "1", "Access-Control-Allow-Origin": "https://a.example"}),
        (200, {"big": "x" * 300_000}, {"Content-Type": "text/plain"}),
    ],
)
async def test_an_answer_written_in_one_piece_is_the_answer_that_aiohttp_would_write(
    request_: bytes, status: int, body: object, headers: Mapping[str, str]
) -> None:
    reply = JsonReply(status=status, body=body, headers=headers)
    assert await told(reply, request_, whole=True) == await told(reply, request_, whole=False)


async def test_a_header_that_would_break_a_line_is_never_written() -> None:
    reply = JsonReply(body={}, headers={"Location": "/a\r\nSet-Cookie: b=c"})
    line, headers, _, _ = await told(reply, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", whole=True)
    assert b" 500 " in line
    assert b"set-cookie" not in headers
