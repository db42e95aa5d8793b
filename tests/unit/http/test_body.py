import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from support.raw import speak
from support.web import Web

LIMIT = 4096


async def parts(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        (b"{", 1),
        (b'{"a": 1,}', 8),
        (b"nope", 0),
        (b'{"a": NaN}', 6),
        (b"\xff\xfe", 0),
        (b'{"longer": "\xff"}', 12),
        (b"{} {}", 3),
    ],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"]
)
async def test_what_is_no_json_is_refused_with_its_offset(web: Web, body: bytes, offset: int, kind: str) -> None:
    answer = await web.post("/plugin/echo/poll", body, headers={"Content-Type": kind})
    assert (answer.status, answer.json["error"]) == (400, "invalid_json")
    assert isinstance(answer.json["details"]["offset"], int)
    assert abs(answer.json["details"]["offset"] - offset) <= 2
    assert await web.count() == 0


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true"])
async def test_json_that_is_no_object_is_refused(web: Web, body: bytes) -> None:
    answer = await web.post("/plugin/echo/poll", body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["error"]) == (400, "bad_request")


@pytest.mark.parametrize("depth", [2_000, 100])
async def test_deep_nesting_is_an_answer_and_no_crash(web: Web, depth: int) -> None:
    answer = await web.post(
        "/plugin/echo/poll", b'{"a":' * depth + b"1" + b"}" * depth, headers={"Content-Type": "application/json"}
    )
    assert answer.status in {202, 400, 413}


async def test_another_media_type_is_415_only_where_the_body_is_no_json(web: Web) -> None:
    wrong = {"Content-Type": "text/plain"}
    refused = await web.post("/plugin/echo/poll", b"hello", headers=wrong)
    assert (refused.status, refused.json["error"]) == (415, "unsupported_media_type")
    assert (await web.post("/plugin/echo/poll", b'{"payload":{}}', headers=wrong)).status == 202
    assert (await web.post("/plugin/echo/poll", headers=wrong)).status == 202


async def test_a_compressed_body_is_refused(web: Web) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await web.post("/plugin/echo/poll", gzip.compress(b"{}"), headers=headers)
    assert (answer.status, answer.json["error"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_the_limit_counts_bytes_exactly(web: Web, size: int) -> None:
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    assert len(body) == size
    for sent in (body, parts(body[:100], body[100:])):
        answer = await web.post("/plugin/echo/poll", sent)
        assert answer.status == (202 if size == LIMIT else 413)
        if size > LIMIT:
            assert (answer.json["error"], answer.json["details"]) == ("body_too_large", {"limit": LIMIT})
    assert await web.count() == (2 if size == LIMIT else 0)


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes(web: Web) -> None:
    head, body = await speak(web, b"POST /plugin/echo/poll HTTP/1.1\r\nContent-Length: 999999999\r\n{auth}\r\n\r\n")
    assert b" 413 " in head
    assert b"connection: close" in head.lower()
    assert b"body_too_large" in body


async def test_a_body_of_too_many_values_is_refused_with_the_setting(web: Web) -> None:
    snapshot = web.live.snapshot
    web.live.snapshot = replace(snapshot, api=replace(snapshot.api, max_body_values=20))
    taken = await web.post("/plugin/echo/poll", b'{"payload": {"a": [%s0]}}' % (b"0," * 15))
    refused = await web.post("/plugin/echo/poll", b'{"payload": {"a": [%s0]}}' % (b"0," * 20))
    assert (taken.status, refused.status, refused.json["error"]) == (202, 413, "too_many_values")
    assert "more than 20 JSON values (api.max_body_values)" in refused.json["message"]


async def test_an_endless_chunked_body_is_cut_off(web: Web) -> None:
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    head, body = await speak(
        web, b"POST /plugin/echo/poll HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{auth}\r\n\r\n" + chunk * 3
    )
    assert b" 413 " in head
    assert b"body_too_large" in body


async def test_a_body_in_small_pieces_is_read_whole(web: Web) -> None:
    answer = await web.post("/plugin/echo/poll", parts(*(bytes([byte]) for byte in b'{"payload": {"a": 1}}')))
    assert answer.status == 202
    assert (await web.claim()).event.payload == b'{"a":1}'


async def test_a_body_that_never_ends_is_given_up(web: Web) -> None:
    snapshot = web.live.snapshot
    web.live.snapshot = replace(snapshot, api=replace(snapshot.api, body_timeout=10))
    head, body = await speak(web, b"POST /plugin/echo/poll HTTP/1.1\r\nContent-Length: 10\r\n{auth}\r\n\r\n{")
    assert b" 408 " in head
    assert b"api.body_timeout" in body


async def test_100_continue_comes_after_the_credential_only(web: Web) -> None:
    request = b"POST /plugin/echo/poll HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n%s\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(request % b"Host: x\r\nAuthorization: Bearer admin-token")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert b" 202 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    head, _ = await speak(web, request % b"Host: x\r\nAuthorization: Bearer wrong")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in head.lower()


async def test_a_route_without_a_body_ignores_one(web: Web) -> None:
    assert (await web.post("/system/pause", b"not json")).status == 200
    assert (await web.post("/system/pause", b"x" * (LIMIT + 1))).status == 413
