import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web as aioweb
from support.web import Web, serving

from ductile.client import AuthFailed, Client, NotFoundError, Refused, Unreachable
from ductile.config.reload import ReloadRefused


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    async with serving(tmp_path) as web:
        yield web


@pytest.fixture
async def client(web: Web) -> AsyncIterator[Client]:
    async with Client(web.url + "/", "admin-token") as client:
        yield client


async def test_it_triggers_looks_and_cancels(client: Client) -> None:
    accepted = await client.trigger("echo", "poll", {"a": 1}, dedupe_key="k", priority=5)
    job = await client.job(accepted["job_id"])
    assert (job["priority"], job["status"]) == (5, "queued")
    assert (await client.trigger("echo", "poll", {"a": 1}, dedupe_key="k"))["deduplicated"] is True
    assert [row["job_id"] for row in await client.tree(accepted["job_id"])] == [accepted["job_id"]]
    assert (await client.jobs(status="queued", limit=5))["total"] == 1
    assert (await client.cancel(accepted["job_id"]))["status"] == "cancelled"


async def test_it_waits(web: Web, client: Client) -> None:
    call = asyncio.create_task(client.trigger("echo", "poll", wait=30))
    await web.finish(await web.claim())
    assert (await call)["status"] == "succeeded"
    call = asyncio.create_task(client.run_pipeline("sync"))
    await web.finish(await web.claim())
    assert (await call)["status"] == "succeeded"


async def test_it_waits_for_a_job_that_stands(web: Web, client: Client) -> None:
    job_id = (await client.trigger("echo", "poll"))["job_id"]
    call = asyncio.create_task(client.job(job_id, wait=30))
    await web.finish(await web.claim())
    assert (await call)["status"] == "succeeded"


async def test_it_need_not_wait(client: Client) -> None:
    assert (await client.run_pipeline("sync", {"a": 1}, detach=True))["status"] == "queued"
    assert (await client.run_pipeline("sync", wait=0.01))["timeout_exceeded"] is True


async def test_the_same_idempotency_key_gives_the_same_job(client: Client) -> None:
    first = await client.trigger("echo", "poll", idempotency_key="once")
    assert await client.trigger("echo", "poll", idempotency_key="once") == first


async def test_it_discovers_and_operates(web: Web, client: Client) -> None:
    assert [plugin["name"] for plugin in await client.plugins()] == ["alias", "echo"]
    assert (await client.skills())[0]["name"] == "plugin.alias.poll"
    assert (await client.health())["plugins_loaded"] == 2
    assert (await client.pause())["paused"] is True
    assert (await client.resume())["paused"] is False
    assert (await client.reload())["generation"] == 2
    assert (await client.stop())["status"] == "stopping"
    assert web.control.stops == 1


async def test_ill_health_is_an_answer(web: Web, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> bool:
        return False

    monkeypatch.setattr(type(web.store), "commits", fails)
    assert (await client.health())["status"] == "degraded"


async def test_refusals_are_told_apart_and_carry_the_envelope(web: Web, client: Client) -> None:
    with pytest.raises(NotFoundError, match="nobody") as missing:
        await client.trigger("nobody", "../poll?x=1#y")
    assert missing.value.envelope["error"] == "unknown_plugin"
    async with Client(web.url, "wrong") as stranger:
        with pytest.raises(AuthFailed):
            await stranger.jobs()
    async with Client(web.url, "reader-token") as reader:
        with pytest.raises(AuthFailed, match="scope"):
            await reader.pause()
    async with Client(web.url) as nobody:
        with pytest.raises(AuthFailed):
            await nobody.jobs()
    web.live.outcome = ReloadRefused(found="an error", errors=[{"line": 1}])
    with pytest.raises(Refused, match="refused for an error") as refused:
        await client.reload()
    assert (refused.value.http_status, refused.value.envelope["details"]["errors"]) == (422, [{"line": 1}])


async def test_it_speaks_over_a_unix_socket(web: Web, tmp_path: Path) -> None:
    await web.server.close(0)
    await web.server.start([f"unix:{tmp_path}/api.sock"])
    async with Client(f"unix:{tmp_path}/api.sock", "admin-token") as client:
        assert (await client.health())["version"] == "0.9"
    async with Client(f"unix:{tmp_path}/other.sock") as client:
        with pytest.raises(Unreachable, match=r"other\.sock"):
            await client.health()


async def test_nobody_there_is_said(web: Web) -> None:
    url = web.url
    await web.server.close(0)
    async with Client(url) as client:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await client.health()


async def test_another_server_is_recognised() -> None:
    async def hello(_: aioweb.BaseRequest) -> aioweb.Response:
        return aioweb.Response(text="<html>")

    runner = aioweb.ServerRunner(aioweb.Server(hello))
    await runner.setup()
    site = aioweb.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    async with Client(f"http://{host}:{port}") as client:
        with pytest.raises(Refused, match="not JSON"):
            await client.health()
    await runner.cleanup()
