import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web as aioweb
from support.web import Web, serving

from ductile.client import AuthFailed, Client, ClientError, NotFoundError, Refused, Unreachable
from ductile.client.blocking_transport import BlockingTransport, result_of
from ductile.config.reload import ReloadRefused


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    async with serving(tmp_path) as web:
        yield web


@pytest.fixture(params=["streaming", "blocking"])
async def client(web: Web, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Both connections do the same."""
    if request.param == "blocking":
        yield Client(web.url, connection=BesideTheLoop(web.url + "/", "admin-token"))
        return
    async with Client(web.url + "/", "admin-token") as client:
        yield client


class BesideTheLoop(BlockingTransport):
    """Blocks a thread, since the gateway of these tests runs in the loop."""

    async def call(self, *given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(lambda: result_of(BlockingTransport.call(self, *given, **named)))


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


async def test_it_searches_logs_and_counts(web: Web, client: Client) -> None:
    job_id = (await client.trigger("echo", "poll"))["job_id"]
    await web.finish(await web.claim(), error="no luck", stderr="oops")
    page = await client.logs(query="luck", plugin="echo", status=None, from_="2000-01-01T00:00:00+02:00", limit=5)
    assert [row["job_id"] for row in page["logs"]] == [job_id]
    assert "result" not in page["logs"][0]
    assert (await client.logs(include_result=True))["logs"][0]["result"]["error"] == "no luck"
    assert (await client.logs(include_result=False, query="nowhere"))["total"] == 0
    assert (await client.job_logs(job_id))["logs"][0]["stderr"] == "oops"
    assert (await client.analytics_queue())["queue_depth"] == 0
    assert (await client.analytics_summary())["stats"]["failed"] == 1
    with pytest.raises(Refused, match="names no word"):
        await client.logs(query="***")


async def test_it_starts_again_and_purges(web: Web, client: Client) -> None:
    job_id = (await client.trigger("echo", "poll"))["job_id"]
    await web.finish(await web.claim())
    assert (await client.retry(job_id))["retry_of"] == job_id
    await client.trigger("alias", "poll")
    assert await client.purge(plugin="alias", state="held") == {"purged": 0}
    assert await client.purge(plugin="alias", command="poll", state="queued") == {"purged": 1}
    await client.run_pipeline("async")
    assert await client.purge(pipeline="async") == {"purged": 1}
    assert await client.purge() == {"purged": 1}


async def test_whatever_it_changes_it_can_try(web: Web, client: Client) -> None:
    job_id = (await client.trigger("echo", "poll"))["job_id"]
    ended = (await client.trigger("alias", "poll", priority=9))["job_id"]
    await web.finish(await web.claim())
    before = (await client.jobs(), await web.store.newest_entry())
    tried = [
        await client.trigger("echo", "poll", dry_run=True),
        await client.run_pipeline("sync", detach=True, dry_run=True),
        await client.cancel(job_id, dry_run=True),
        await client.retry(ended, dry_run=True),
        await client.purge(dry_run=True),
        await client.reload(dry_run=True),
        await client.pause(dry_run=True),
        await client.resume(dry_run=True),
        await client.stop(dry_run=True),
    ]
    assert all(answer["dry_run"] is True for answer in tried)
    assert (await client.jobs(), await web.store.newest_entry()) == before
    assert (web.control.paused, web.control.stops, web.live.causes) == (False, 0, [])


async def test_it_reads_the_documents(client: Client) -> None:
    assert [command["name"] for command in (await client.plugin("echo"))["commands"]] == [
        "poll",
        "peek",
        "handle",
        "say",
    ]
    assert (await client.skills_markdown()).startswith("# Ductile Gateway: skills")
    assert "/jobs" in (await client.openapi())["paths"]
    assert all(path.startswith("/plugin/echo/") for path in (await client.openapi("echo"))["paths"])
    assert (await client.config_view())["api"]["enabled"] is True
    for refused in (client.plugin("../jobs"), client.openapi("nobody")):
        with pytest.raises(NotFoundError):
            await refused


async def test_ill_health_is_an_answer(web: Web, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> bool:
        return False

    monkeypatch.setattr(type(web.store), "can_commit", fails)
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
        with pytest.raises(Unreachable, match=r"cannot be reached: Connection refused\. Is it running\?"):
            await client.health()


@asynccontextmanager
async def another_server(body: str, status: int = 200, *, blocks: bool = False) -> AsyncIterator[Client]:
    """A client of a server that is no gateway."""

    async def answer(_: aioweb.BaseRequest) -> aioweb.Response:
        return aioweb.Response(text=body, status=status, content_type="application/json")

    runner = aioweb.ServerRunner(aioweb.Server(answer))
    await runner.setup()
    await aioweb.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    url = f"http://{host}:{port}"
    async with Client(url) as client:
        yield Client(url, connection=BesideTheLoop(url, None)) if blocks else client
    await runner.cleanup()


CALLS: Mapping[str, Callable[[Client], Awaitable[object]]] = {
    "trigger": lambda client: client.trigger("echo", "poll"),
    "run_pipeline": lambda client: client.run_pipeline("sync"),
    "job": lambda client: client.job("x"),
    "tree": lambda client: client.tree("x"),
    "jobs": Client.jobs,
    "logs": Client.logs,
    "job_logs": lambda client: client.job_logs("x"),
    "cancel": lambda client: client.cancel("x"),
    "retry": lambda client: client.retry("x"),
    "purge": Client.purge,
    "analytics_queue": Client.analytics_queue,
    "analytics_summary": Client.analytics_summary,
    "send_event": lambda client: client.send_event("order.placed"),
    "plugins": Client.plugins,
    "plugin": lambda client: client.plugin("echo"),
    "pipelines": Client.pipelines,
    "pipeline": lambda client: client.pipeline("sync"),
    "rehearse": lambda client: client.rehearse("sync"),
    "skills": Client.skills,
    "skills_markdown": Client.skills_markdown,
    "openapi": Client.openapi,
    "config_view": Client.config_view,
    "health": Client.health,
    "reload": Client.reload,
    "pause": Client.pause,
    "resume": Client.resume,
    "stop": Client.stop,
    "events": lambda client: anext(client.events()),
}


def test_each_call_is_tried_on_another_server() -> None:
    apart = {"following", "raw"}  # the context that `events` opens; what shows any answer as it is
    assert {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"} - apart == set(CALLS)


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_another_server_is_recognised(call: Callable[[Client], Awaitable[object]], *, blocks: bool) -> None:
    if blocks and call is CALLS["events"]:
        pytest.skip("a blocking client has no streams")
    for body in ("<html>", "{}", "[5]", "null", '"ok"', '{"hello": "world"}'):
        if body != "[5]" or call is not CALLS["tree"]:
            async with another_server(body, blocks=blocks) as client:
                with pytest.raises(ClientError, match=r"is this a Ductile gateway"):
                    await call(client)


async def test_another_servers_refusal_is_recognised() -> None:
    async with another_server('{"detail": "Not Found"}', 404) as client:
        with pytest.raises(NotFoundError, match="it answered 404, in no words of a gateway; is this a Ductile"):
            await client.plugins()


async def test_it_shows_pipelines_and_rehearses_them(web: Web, client: Client) -> None:
    assert {one["pipeline"] for one in await client.pipelines()} == set(web.live.snapshot.pipelines)
    assert (await client.pipeline("gated"))["entry"] == ["gate"]
    told = await client.rehearse("gated", {"go": True}, {"gate": []})
    assert [(row["step"], row["status"]) for row in told["steps"]] == [("gate", "dispatched")]
    assert await web.count() == 0


@pytest.mark.parametrize("client", ["streaming"], indirect=True)
async def test_it_makes_any_call_and_shows_the_answer_as_it_is(web: Web, client: Client) -> None:
    answer = await client.raw("POST", "/plugin/echo/poll?dry_run=true", body=b'{"payload": {}}')
    assert (answer.status, answer.body["dry_run"]) == (200, True)
    refused = await client.raw("POST", "/pipeline/sync", body=b"[]", headers={"X-Request-Id": "mine"})
    headers = {name.lower(): value for name, value in refused.headers.items()}
    assert (refused.status, headers["x-request-id"], refused.body["error"]) == (400, "mine", "bad_request")
    page = await client.raw("GET", "/skills", headers={"Accept": "text/markdown"})
    assert page.body.startswith("#")
    assert (await client.raw("HEAD", "/healthz")).body == ""
    assert await web.count() == 0
    async with Client("http://127.0.0.1:1") as nobody:
        with pytest.raises(Unreachable):
            await nobody.raw("GET", "/")
