import asyncio
import socket
import stat
from pathlib import Path

import aiohttp
import pytest
from support.web import Web, serving

from ductile.http.errors import CannotListen


async def get(path: Path) -> int:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.get("http://x/livez") as response,
    ):
        return response.status


async def test_it_listens_at_every_address(web: Web, tmp_path: Path) -> None:
    await web.server.close(0)
    path = tmp_path / "api.sock"
    await web.server.start(["127.0.0.1:0", "[::1]:0", f"unix:{path}"])
    first, second, third = web.server.urls
    assert (first.startswith("http://127.0.0.1:"), second.startswith("http://[::1]:")) == (True, True)
    assert third == f"unix:{path}"
    for url in (first, second):
        async with web.session.get(f"{url}/livez") as response:
            assert response.status == 200
    assert await get(path) == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await web.server.close(0)
    assert not path.exists()


async def test_a_socket_that_nobody_listens_on_is_replaced(web: Web, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    await web.server.close(0)
    await web.server.start([f"unix:{path}"])
    assert await get(path) == 200


async def test_a_socket_in_use_and_a_file_are_left_alone(web: Web, tmp_path: Path) -> None:
    await web.server.close(0)
    path, file = tmp_path / "api.sock", tmp_path / "file"
    file.write_text("precious")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(CannotListen, match="another process"):
            await web.server.start([f"unix:{path}"])
    with pytest.raises(CannotListen, match="no socket"):
        await web.server.start([f"unix:{file}"])
    assert file.read_text() == "precious"


async def test_a_port_in_use_is_said_and_nothing_listens_then(web: Web, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with serving(tmp_path / "..") as other:
        await other.server.close(0)
        with pytest.raises(CannotListen, match=f"127.0.0.1:{web.port}"):
            await other.server.start([f"unix:{path}", f"127.0.0.1:{web.port}"])
        assert other.server.urls == []
    assert not path.exists()


@pytest.mark.parametrize(
    "address", ["nothing", "127.0.0.1:99999", "127.0.0.1:http", "127.0.0.1:-1", "unix:/no/such/folder/s"]
)
async def test_an_address_that_is_none_is_refused(web: Web, address: str) -> None:
    await web.server.close(0)
    with pytest.raises(CannotListen):
        await web.server.start([address])


async def test_closing_lets_a_request_finish(web: Web) -> None:
    call = asyncio.create_task(web.post("/plugin/echo/poll?wait=60"))
    claimed = await web.claim()
    port = web.port
    closing = asyncio.create_task(web.server.close(30))
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            break
        writer.close()
    await web.finish(claimed)
    assert (await call).status == 200
    await closing
