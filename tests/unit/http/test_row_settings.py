"""Rows that answer in other forms than JSON, take other bodies than JSON, or are served by another listener."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.web import BaseRequest, StreamResponse, WebSocketResponse
from msgspec.structs import replace
from support.web import Web

from ductile import parts
from ductile.errors import NotFound
from ductile.http.reply import FileReply, JsonReply, Reply, UpgradeReply
from ductile.http.request import Request
from ductile.http.server import HttpServer
from ductile.model.principal import Principal
from ductile.model.route import ErrorForm, Route
from ductile.model.snapshot import Snapshot

AddRow = Callable[..., Route]


@pytest.fixture
def add_row(web: Web) -> AddRow:
    """Adds a public row to the snapshot that serves."""

    def add(handler: Any, path: str = "/sample", **more: Any) -> Route:
        settings = {"method": "POST", "summary": "A sample", "scopes": None, "hidden": True, **more}
        row = Route(path=path, handler=handler, **settings)
        snapshot = web.live.snapshot
        web.live.snapshot = replace(snapshot, rows=[*snapshot.rows, row])
        return row

    return add


async def send(
    web: Web, method: str = "POST", path: str = "/sample", **more: Any
) -> tuple[int, Any, aiohttp.typedefs.LooseHeaders]:
    async with web.session.request(method, web.url + path, **more) as response:
        return response.status, await response.read(), response.headers


async def size(request: Request) -> Reply:
    return JsonReply(body={"bytes": len(request.body)})


async def missing(_request: Request) -> Reply:
    raise NotFound(path="/sample")


async def test_a_file_is_sent_whole_or_in_ranges(web: Web, add_row: AddRow, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("0123456789")

    async def serve(request: Request) -> Reply:
        return FileReply(path=tmp_path / request.path["path"], headers={"Cache-Control": "no-cache"})

    add_row(serve, "/static/{path*}", method="GET")
    status, content, headers = await send(web, "GET", "/static/page.html")
    assert (status, content, headers["Content-Type"]) == (200, b"0123456789", "text/html")
    assert headers["Cache-Control"] == "no-cache"
    assert [name for name in ("X-Request-Id", "ETag", "Server") if name not in headers] == []
    status, content, _ = await send(web, "GET", "/static/page.html", headers={"Range": "bytes=2-4"})
    assert (status, content) == (206, b"234")
    status, content, _ = await send(web, "GET", "/static/page.html", headers={"If-None-Match": headers["ETag"]})
    assert (status, content) == (304, b"")
    assert (await send(web, "HEAD", "/static/page.html"))[:2] == (200, b"")


async def test_an_upgrade_takes_the_connection_over(web: Web, add_row: AddRow) -> None:
    async def echo(raw: BaseRequest) -> StreamResponse:
        socket = WebSocketResponse()
        await socket.prepare(raw)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    async def upgrade(_request: Request) -> Reply:
        return UpgradeReply(serve=echo)

    add_row(upgrade, "/socket", method="GET")
    async with web.session.ws_connect(web.url + "/socket") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=10) == "HELLO"


async def test_a_row_may_take_larger_or_smaller_bodies_than_the_others(web: Web, add_row: AddRow) -> None:
    limit = web.live.snapshot.api.max_body_size
    add_row(size, "/large", request={}, max_body=limit * 2, content_types=("*/*",))
    add_row(size, "/small", request={}, max_body=10, content_types=("*/*",))
    assert (await send(web, path="/large", data=b"x" * (limit * 2)))[:2] == (200, b'{"bytes":%d}' % (limit * 2))
    assert (await send(web, path="/large", data=b"x" * (limit * 2 + 1)))[0] == 413
    assert (await send(web, path="/small", data=b"x" * 10))[0] == 200
    assert (await send(web, path="/small", data=b"x" * 11))[0] == 413


@pytest.mark.parametrize(
    ("given", "status"), [("text/csv", 200), ("Text/CSV; charset=utf-8", 200), ("application/json", 415)]
)
async def test_a_row_names_the_media_types_of_its_body(web: Web, add_row: AddRow, given: str, status: int) -> None:
    add_row(size, request={}, content_types=("text/csv", "text/plain"))
    answer, content, _ = await send(web, data=b"a,b", headers={"Content-Type": given})
    assert answer == status
    if status == 415:
        assert b"must be text/csv or text/plain, not application/json" in content


@pytest.mark.parametrize(
    ("form", "members"),
    [
        ("envelope", {"error", "message", "code", "details", "request_id"}),
        ("flat", {"error", "code", "details", "request_id"}),
        ("success", {"success", "error"}),
    ],
)
async def test_a_row_answers_errors_in_its_own_form(
    web: Web, add_row: AddRow, form: ErrorForm, members: set[str]
) -> None:
    add_row(missing, errors=form)
    async with web.session.post(web.url + "/sample") as response:
        body = await response.json()
        assert (response.status, set(body)) == (404, members)
    sentence = body["message"] if form == "envelope" else body["error"]
    assert "/sample" in sentence


async def test_the_first_authenticator_that_knows_a_credential_decides(web: Web) -> None:
    asked: list[str] = []

    async def by_header(raw: BaseRequest, _snapshot: Snapshot) -> Principal | None:
        asked.append("header")
        name = raw.headers.get("X-User")
        return Principal(id=f"user:{name}", kind="user", scopes=frozenset({"*"})) if name else None

    web.server._gateway = replace(web.gateway, authenticators=[by_header, *parts.AUTHENTICATORS])  # noqa: SLF001
    assert (await send(web, "GET", "/jobs", headers={"X-User": "ada"}))[0] == 200
    assert (await send(web, "GET", "/jobs", headers={"Authorization": "Bearer admin-token"}))[0] == 200
    assert (await send(web, "GET", "/jobs"))[0] == 401
    assert len(asked) == 3


async def test_a_second_server_has_rows_of_its_own(web: Web, add_row: AddRow) -> None:
    row = add_row(size, "/hook", request={}, content_types=("*/*",))
    rows: Sequence[Route] = [row]
    second = HttpServer(web.gateway, parts.MIDDLEWARE, rows_of=lambda _snapshot: rows)
    await second.start(["127.0.0.1:0"])
    try:
        url = second.urls[0]
        async with web.session.post(url + "/hook", data=b"abc") as response:
            assert (response.status, await response.json()) == (200, {"bytes": 3})
        async with web.session.get(url + "/jobs", headers={"Authorization": "Bearer admin-token"}) as response:
            assert response.status == 404
    finally:
        await second.close(0)
