"""`GET /events`: what happens, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.web import SECRET, Web, serving

from ductile.model.journal import EntryKind
from ductile.store.meta import journal


class Stream:
    """An answer of `GET /events`, read frame by frame."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def frame(self) -> dict[str, str]:
        """The fields of the next frame; a comment has the name `:`."""
        lines = (await self.response.content.readuntil(b"\n\n")).decode().strip("\n").split("\n")
        fields = dict(line.split(":", 1) if not line.startswith(":") else (":", line[1:]) for line in lines)
        return {name: value.strip() for name, value in fields.items()}

    async def event(self) -> dict[str, Any]:
        """The next event; its three lines agree."""
        while True:
            frame = await self.frame()
            if "data" not in frame:
                continue
            assert list(frame) == ["id", "event", "data"]
            data: dict[str, Any] = orjson.loads(frame["data"])
            assert (str(data["id"]), data["type"]) == (frame["id"], frame["event"])
            return data

    async def ends(self) -> list[dict[str, Any]]:
        """The events up to the end, which must be a clean one."""
        rest = (await self.response.content.read()).decode()
        return [orjson.loads(line[6:]) for line in rest.split("\n") if line.startswith("data: ")]


@asynccontextmanager
async def stream(
    web: Web, query: str = "", *, token: str = "listener-token", last: str | None = None
) -> AsyncIterator[Stream]:
    headers = {"Authorization": f"Bearer {token}", **({} if last is None else {"Last-Event-ID": last})}
    async with web.session.get(f"{web.url}/events{query}", headers=headers) as response:
        assert response.status == 200, await response.read()
        yield Stream(response)


async def note(web: Web, kind: EntryKind = EntryKind.GATEWAY_PAUSED, n: int = 1, **data: Any) -> None:
    for _ in range(n):
        await web.store.write(journal, kind, None, data or None)


async def test_a_job_is_told_from_its_start_to_its_end(web: Web) -> None:
    async with stream(web) as events:
        job_id = (await web.post("/plugin/echo/say", {"message": "hi"})).json["job_id"]
        await web.finish(await web.claim(), error="no luck")
        started, ended = await events.event(), await events.event()
    assert (started["type"], started["status"], started["attempt"]) == ("job.started", "running", 1)
    assert (ended["type"], ended["status"], ended["attempt"]) == ("job.ended", "failed", 1)
    for event in (started, ended):
        assert (event["job_id"], event["plugin"], event["command"]) == (job_id, "echo", "say")
        assert event["at"] == "2023-11-14T22:13:20.000Z"
        assert "payload" not in event


async def test_the_answer_is_no_document_that_could_be_kept_or_held_back(web: Web) -> None:
    async with stream(web) as events:
        headers = events.response.headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
    assert "Content-Encoding" not in headers


async def test_it_begins_with_the_place_so_that_whoever_is_cut_off_at_once_misses_nothing(web: Web) -> None:
    await note(web, n=3)
    async with stream(web) as events:
        assert await events.frame() == {"retry": "2000", "id": "3"}


@pytest.mark.parametrize("how", ["header", "query", "both"])
async def test_it_goes_on_behind_the_last_event_and_then_live(web: Web, how: str) -> None:
    await note(web, n=5)
    query = {"header": "", "query": "?last_event_id=2", "both": "?last_event_id=0"}[how]
    async with stream(web, query, last=None if how == "query" else "2") as events:
        assert [(await events.event())["id"] for _ in range(3)] == [3, 4, 5]
        await note(web)
        assert (await events.event())["id"] == 6


@pytest.mark.parametrize("given", ["-1", "abc", "1.5", "1e3", "9" * 19, "1 2"])
async def test_an_id_that_is_none_is_refused(web: Web, given: str) -> None:
    answer = await web.get("/events", token="listener-token", headers={"Last-Event-ID": given})
    assert (answer.status, answer.json["error"]) == (400, "bad_request")
    assert "Last-Event-ID" in answer.json["message"]


async def test_an_empty_id_is_that_of_a_client_which_has_seen_none(web: Web) -> None:
    await note(web, n=3)
    async with stream(web, "?last_event_id=", last="") as events:
        assert await events.frame() == {"retry": "2000", "id": "3"}


async def test_what_retention_took_is_named_and_the_rest_follows(web: Web) -> None:
    await note(web, n=6)
    await web.store.write(lambda tx: tx.execute("trim_journal", before=2_000_000_000_000, limit=4))
    async with stream(web, last="1") as events:
        lagged = await events.event()
        assert lagged == {"id": 4, "type": "lagged", "missed_from": 2, "missed_to": 4, "reason": "retention"}
        assert [(await events.event())["id"] for _ in range(2)] == [5, 6]


async def test_an_id_of_another_journal_is_named_and_what_comes_follows(web: Web) -> None:
    await note(web, n=2)
    async with stream(web, last="99") as events:
        lagged = await events.event()
        assert lagged == {"id": 2, "type": "lagged", "missed_from": None, "missed_to": None, "reason": "unknown_id"}
        await note(web)
        assert (await events.event())["id"] == 3


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?type=gateway.paused", [1, 4]),
        ("?type=gateway.*", [1, 2, 4]),
        ("?type=gateway.paused,config.reloaded", [1, 3, 4]),
        ("?type=gateway.resumed&type=config.*", [2, 3]),
        ("?type=*", [1, 2, 3, 4]),
    ],
)
async def test_only_what_is_asked_for_is_sent(web: Web, query: str, wanted: list[int]) -> None:
    for kind in (
        EntryKind.GATEWAY_PAUSED,
        EntryKind.GATEWAY_RESUMED,
        EntryKind.CONFIG_RELOADED,
        EntryKind.GATEWAY_PAUSED,
    ):
        await note(web, kind)
    async with stream(web, query, last="0") as events:
        assert [(await events.event())["id"] for _ in wanted] == wanted
        await web.feed.stop()
        assert await events.ends() == []


async def test_posted_events_can_be_asked_for_by_their_own_type(web: Web) -> None:
    for name in ("order.placed", "order.paid", "other", "order.placed"):
        assert (await web.post("/events", {"type": name})).status == 202
    async with stream(web, "?type=order.placed", last="0") as events:
        assert [(await events.event())["event_type"] for _ in range(2)] == ["order.placed"] * 2
    async with stream(web, "?type=order.*,gateway.paused", last="0") as events:
        assert [(await events.event())["event_type"] for _ in range(3)] == [
            "order.placed",
            "order.paid",
            "order.placed",
        ]


@pytest.mark.parametrize("query", ["?type=job.start", "?type=", "?type=job*", "?type=job.ended,", "?type=.*"])
async def test_a_type_that_no_event_has_is_refused_with_those_there_are(web: Web, query: str) -> None:
    answer = await web.get(f"/events{query}", token="listener-token")
    assert answer.status == 400
    assert "job.ended" in answer.json["message"]


async def test_the_lagged_event_passes_every_filter(web: Web) -> None:
    async with stream(web, "?type=gateway.resumed", last="7") as events:
        assert (await events.event())["type"] == "lagged"


async def test_a_sign_of_life_tells_the_place_where_nothing_wanted_has_come(tmp_path: Path) -> None:
    quick = {"heartbeat_seconds": 0.01, "read_interval": 0}
    async with serving(tmp_path, feed=quick) as web, stream(web, "?type=config.*") as events:
        assert await events.frame() == {"retry": "2000", "id": "0"}
        assert await events.frame() == {":": "heartbeat"}
        await note(web)
        while (frame := await events.frame()) == {":": "heartbeat"}:
            pass
        assert frame == {":": "heartbeat", "id": "1"}
        await note(web, EntryKind.CONFIG_RELOADED)
        assert (await events.event())["id"] == 2


@pytest.mark.parametrize(
    ("token", "status"),
    [("listener-token", 200), ("sender-token", 200), ("admin-token", 200), ("reader-token", 403), ("nobody", 401)],
)
async def test_it_needs_the_scope(web: Web, token: str, status: int) -> None:
    async with web.session.get(f"{web.url}/events", headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status == status


async def test_head_answers_at_once_and_takes_no_place(web: Web) -> None:
    answer = await web.call("HEAD", "/events", token="listener-token")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert web.feed.follower_count == 0


async def test_there_is_room_for_so_many_and_a_place_is_free_once_one_has_left(tmp_path: Path) -> None:
    async with serving(tmp_path, feed={"max_followers": 1}) as web:
        async with stream(web):
            refused = await web.get("/events", token="listener-token")
            assert (refused.status, refused.json["error"]) == (503, "too_many_followers")
            assert refused.headers["Retry-After"] == "10"
        while web.feed.follower_count:  # noqa: ASYNC110 - the server is about to see that the client has left
            await asyncio.sleep(0)
        async with stream(web) as events:
            await note(web)
            assert (await events.event())["id"] == 1


async def test_a_stop_sends_what_happened_and_ends_the_stream(web: Web) -> None:
    async with stream(web) as events:
        await note(web, EntryKind.GATEWAY_STOPPING)
        await web.feed.stop()
        assert [event["type"] for event in await events.ends()] == ["gateway.stopping"]
    answer = await web.get("/events", token="listener-token")
    assert (answer.status, answer.json["error"], answer.headers["Retry-After"]) == (503, "stopping", "5")


async def reload(web: Web, **changes: Any) -> None:
    old, web.live.snapshot = web.live.snapshot, replace(web.live.snapshot, **changes)
    web.feed.apply(old, web.live.snapshot)


async def test_a_token_that_a_reload_takes_away_ends_its_stream_and_no_other(web: Web) -> None:
    async with stream(web) as theirs, stream(web, token="admin-token") as ours:
        await theirs.frame()
        kept = {digest: one for digest, one in web.live.snapshot.principals.items() if one.id != "token:listener"}
        await reload(web, principals=kept)
        await note(web)
        assert await theirs.ends() == []
        assert (await ours.event())["id"] == 1


async def test_a_token_that_loses_the_scope_ends_its_stream(web: Web) -> None:
    async with stream(web) as events:
        await events.frame()
        lesser = {
            digest: replace(one, scopes=frozenset({"jobs:ro"})) for digest, one in web.live.snapshot.principals.items()
        }
        await reload(web, principals=lesser)
        assert await events.ends() == []


async def test_a_reload_that_leaves_the_token_alone_leaves_the_stream_alone(web: Web) -> None:
    async with stream(web) as events:
        await events.frame()
        await reload(web, generation=2)
        await note(web)
        assert (await events.event())["id"] == 1


async def test_a_token_that_expires_ends_its_stream(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, feed={"heartbeat_seconds": 0.01}) as web,
        stream(web, token="expiring-token") as events,
    ):
        await events.frame()
        web.clock.now += 600_000
        assert await events.ends() == []


async def test_secrets_in_the_journal_are_redacted(web: Web) -> None:
    async with stream(web) as events:
        await note(web, EntryKind.PLUGIN_QUARANTINED, plugin="x", reason=f"it says {SECRET}")
        assert (await events.event())["reason"] == "it says [REDACTED]"


async def test_two_hundred_see_every_event_in_order(web: Web) -> None:
    async def watch() -> list[int]:
        async with stream(web, last="0") as events:
            return [(await events.event())["id"] for _ in range(100)]

    await note(web, n=50)
    watching = [asyncio.ensure_future(watch()) for _ in range(200)]
    for _ in range(50):
        await note(web)
    assert await asyncio.gather(*watching) == [[*range(1, 101)]] * 200


async def test_a_reader_that_stops_reading_learns_what_it_missed_and_costs_no_memory(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, feed={"max_ring_rows": 64, "read_interval": 0}) as web,
        stream(web) as slow,
        stream(web) as quick,
    ):
        transport: Any = slow.response.connection.transport if slow.response.connection else None
        transport.pause_reading()
        ids = []
        while len(ids) < 4000:
            await asyncio.gather(*(note(web, reason="x" * 4000) for _ in range(50)))
            ids += [(await quick.event())["id"] for _ in range(50)]
        assert len(web.feed.items_after(0)) == 64
        transport.resume_reading()
        seen: list[int] = []
        lags = 0
        while not seen or seen[-1] < 4000:
            event = await slow.event()
            if event["type"] == "lagged":
                lags += 1
                assert event["reason"] == "slow_reader"
                seen += range(event["missed_from"], event["missed_to"] + 1)
            else:
                seen.append(event["id"])
    assert seen == [*range(1, 4001)], "each one was sent, or named as missed"
    assert lags


async def test_an_idle_stream_writes_no_error_when_its_client_leaves(web: Web) -> None:
    with capture_logs() as logs:
        async with stream(web) as events:
            await events.frame()
        while web.feed.follower_count:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    assert [line for line in logs if line["log_level"] != "debug"] == []
