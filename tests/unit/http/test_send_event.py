"""`POST /events`: something has happened, and what waits for it starts."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from support.web import Answer, Web, serving, snapshot

from ductile.client import Client
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel
from ductile.model.snapshot import EventRoute

PIPELINES = [
    {"name": "any", "on": "order.placed", "steps": [{"id": "only", "uses": "echo"}]},
    {"name": "mine", "on": "order.placed", "from_plugin": "api", "steps": [{"uses": "echo"}]},
    {"name": "other", "on": "order.placed", "from_plugin": "echo", "steps": [{"uses": "echo"}]},
    {
        "name": "large",
        "on": "order.sized",
        "if": {"path": "payload.n", "op": "gt", "value": 10},
        "steps": [{"uses": "echo"}],
    },
]
ROUTES = {
    ("api", "order.placed"): (EventRoute(source="api", event_type="order.placed", to="alias"),),
    ("echo", "order.routed"): (EventRoute(source="echo", event_type="order.routed", to="alias"),),
}


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    plugins = snapshot().plugins
    graphs, problems = compile_pipelines(
        [PipelineModel.model_validate(raw) for raw in PIPELINES],
        {name: one.manifest.commands for name, one in plugins.items()},
    )
    assert not problems
    waiting: dict[str, tuple[Any, ...]] = {}
    for graph in graphs.values():
        waiting[str(graph.on)] = (*waiting.get(str(graph.on), ()), graph)
    async with serving(tmp_path, pipelines=graphs, on_event=waiting, routes=ROUTES) as web:
        yield web


async def send(web: Web, body: Any, *, token: str = "sender-token", query: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Content-Type"] = "application/json"
    return await web.post(f"/events{query}", body, token=token, headers=named)


async def test_it_starts_every_pipeline_and_route_that_waits_for_it(web: Web) -> None:
    answer = await send(web, {"type": "order.placed", "payload": {"order": 7}}, X_Request_Id="r-1")
    assert answer.status == 202
    assert set(answer.json) == {"event_id", "started"}
    assert [(one["plugin"], one["command"]) for one in answer.json["started"]] == [
        ("pipeline", "any"),
        ("pipeline", "mine"),
        ("alias", "handle"),
    ]
    for one in answer.json["started"]:
        job = (await web.get(f"/job/{one['job_id']}")).json
        assert (job["submitted_by"], job["principal"], job["request_id"]) == ("api", "token:sender", "r-1")
        assert job["cause"] == {
            "event_id": answer.json["event_id"],
            "type": "order.placed",
            "source": "api",
            "job_id": None,
            "timestamp": "2023-11-14T22:13:20.000Z",
        }


async def test_what_starts_is_given_the_event(web: Web) -> None:
    answer = await send(web, {"type": "order.placed", "payload": {"order": 7}})
    events = {(await web.claim()).event for _ in range(3)}
    assert len(events) == 1
    [event] = events
    assert (event.id, event.type, orjson.loads(event.payload)) == (
        answer.json["event_id"],
        "order.placed",
        {"order": 7},
    )


@pytest.mark.parametrize("body", [{"type": "nobody.waits"}, {"type": "order.routed", "payload": {}}])
async def test_what_nobody_waits_for_is_accepted_and_starts_nothing(web: Web, body: Any) -> None:
    answer = await send(web, body)
    assert (answer.status, answer.json["started"], await web.count()) == (202, [], 0)


async def test_a_pipeline_whose_condition_cannot_be_decided_is_not_started_and_journalled(web: Web) -> None:
    answer = await send(web, {"type": "order.sized", "payload": {"n": "many"}})
    assert (answer.status, answer.json["started"]) == (202, [])
    received, undecided = await web.store.journal_after(0, 10)
    assert (received.kind, undecided.kind) == ("event.received", "pipeline.condition_undecided")
    told = orjson.loads(undecided.data or b"{}")
    assert told["event_id"] == answer.json["event_id"]
    assert "large" in told["reason"]
    assert "many" not in told["reason"]


async def test_a_dedupe_key_stands_for_each_start(web: Web) -> None:
    body = {"type": "order.placed", "dedupe_key": "order-7"}
    first, second = await send(web, body), await send(web, body)
    assert [one["job_id"] for one in second.json["started"]] == [one["job_id"] for one in first.json["started"]]
    assert all(one["deduplicated"] is True for one in second.json["started"])
    assert not any("deduplicated" in one for one in first.json["started"])
    assert first.json["event_id"] != second.json["event_id"]


async def test_an_idempotency_key_answers_the_same_again(web: Web) -> None:
    body = {"type": "order.placed"}
    first = await send(web, body, Idempotency_Key="once")
    assert (await send(web, body, Idempotency_Key="once")).json == first.json
    before = await web.count()
    conflict = await send(web, {"type": "order.placed", "payload": {"n": 2}}, Idempotency_Key="once")
    assert (conflict.status, conflict.json["error"]) == (409, "idempotency_conflict")
    assert await web.count() == before


async def test_a_dry_run_tells_what_it_would_start_and_changes_nothing(web: Web) -> None:
    body = {"type": "order.placed", "payload": {"order": 7}}
    answer = await send(web, body, query="?dry_run=true", Idempotency_Key="once")
    assert (answer.status, answer.json["dry_run"]) == (200, True)
    assert [one["command"] for one in answer.json["started"]] == ["any", "mine", "handle"]
    assert (await web.count(), await web.store.newest_entry()) == (0, 0)
    assert (await send(web, body, Idempotency_Key="once")).status == 202


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "type must"),
        ({"payload": {}}, "type must"),
        ({"type": ""}, "type must"),
        ({"type": "x" * 201}, "1 to 200"),
        ({"type": 7}, "type must"),
        ({"type": None}, "type must"),
        ({"type": "a\nb"}, "printable"),
        ({"type": "a\x00b"}, "printable"),
        ({"type": "a\u200bb"}, "printable"),
        ({"type": "ductile.step.succeeded"}, "the gateway's own"),
        ({"type": "ductile.x"}, "the gateway's own"),
        ({"type": "a", "payload": []}, "payload must"),
        ({"type": "a", "payload": None}, "payload must"),
        ({"type": "a", "dedupe_key": ""}, "dedupe_key must"),
        ({"type": "a", "dedupe_key": 1}, "dedupe_key must"),
        ({"type": "a", "source": "echo"}, "'source' is no member"),
        ({"typ": "a"}, "did you mean"),
        ([], "JSON object"),
        (b'{"type": "a"', "not valid JSON"),
        (b'{"type": "\\ud800"}', "not valid JSON"),
    ],
)
async def test_what_is_no_event_is_refused_and_starts_nothing(web: Web, body: Any, says: str) -> None:
    answer = await send(web, body)
    assert answer.status == 400
    assert says in answer.json["message"]
    assert (await web.count(), await web.store.newest_entry()) == (0, 0)


@pytest.mark.parametrize("kind", ["x" * 200, "Ductile.x", "ductile", "bestellung.größe", "a b", "*"])
async def test_any_other_printable_type_will_do(web: Web, kind: str) -> None:
    assert (await send(web, {"type": kind})).status == 202


@pytest.mark.parametrize(
    ("token", "status"),
    [("sender-token", 202), ("admin-token", 202), ("listener-token", 403), ("writer-token", 403), ("nobody", 401)],
)
async def test_it_needs_the_scope(web: Web, token: str, status: int) -> None:
    assert (await send(web, {"type": "order.placed"}, token=token)).status == status


async def test_a_plugin_named_in_a_route_need_not_be_there(web: Web) -> None:
    web.live.snapshot = replace(web.live.snapshot, plugins={})
    answer = await send(web, {"type": "order.placed"})
    assert (answer.status, len(answer.json["started"])) == (202, 3)


async def test_the_client_sends_events(web: Web) -> None:
    async with Client(web.url, "sender-token") as client:
        rehearsed = await client.send_event("order.placed", {"n": 1}, dry_run=True)
        assert rehearsed["dry_run"] is True
        sent = await client.send_event("order.placed", {"n": 1}, dedupe_key="d", idempotency_key="i")
        assert await client.send_event("order.placed", {"n": 1}, dedupe_key="d", idempotency_key="i") == sent
    assert len(sent["started"]) == 3
