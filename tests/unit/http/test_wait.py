import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from support.web import Web, serving

from ductile.http.wait import wait_for_end
from ductile.model.principal import Principal
from ductile.model.snapshot import Snapshot


@pytest.mark.parametrize(
    ("query", "headers"), [("?wait=30", {}), ("", {"Prefer": "respond-async, wait=30"}), ("?wait=30s", {})]
)
async def test_waiting_answers_with_the_finished_job(web: Web, query: str, headers: dict[str, str]) -> None:
    call = asyncio.create_task(web.post(f"/plugin/echo/poll{query}", headers=headers))
    await web.finish(await web.claim())
    answer = await call
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert answer.json["result"] == {
        "status": "ok",
        "result": "done",
        "events": [],
        "logs": [{"level": "info", "message": "hello"}],
        "state_updates": {"seen": 1},
    }


async def test_what_the_commit_shows_is_not_read_again(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(job_id: str) -> None:
        pytest.fail(f"{job_id} is read")

    monkeypatch.setattr(web.store, "job", read)
    call = asyncio.create_task(web.post("/plugin/echo/poll?wait=30"))
    await web.finish(await web.claim())
    assert (await call).json["result"]["result"] == "done"


async def test_what_the_commit_does_not_show_is_read(web: Web) -> None:
    web.store.include_view_for(lambda _job_id: False)
    call = asyncio.create_task(web.post("/plugin/echo/poll?wait=30"))
    await web.finish(await web.claim())
    assert (await call).json["result"]["result"] == "done"


async def test_waiting_in_vain_answers_202_with_the_state_it_has_by_then(web: Web) -> None:
    answer = await web.post("/plugin/echo/poll?wait=0.01")
    assert (answer.status, answer.json["status"]) == (202, "queued")
    assert set(answer.json) == {"job_id", "status", "plugin", "command"}


async def test_not_waiting_at_all_can_be_asked_for(web: Web) -> None:
    assert (await web.post("/plugin/echo/poll?wait=0")).status == 202


async def test_a_wait_is_cut_to_the_longest_allowed(tmp_path: Path) -> None:
    async with serving(tmp_path) as web:
        snapshot = web.live.snapshot
        web.live.snapshot = _with_api(snapshot, max_sync_timeout=10)
        answer = await web.post("/plugin/echo/poll?wait=3600")
        assert answer.status == 202


@pytest.mark.parametrize("value", ["-1", "soon", "nan", "inf", "1y", ""])
async def test_a_wait_that_is_no_time_is_refused(web: Web, value: str) -> None:
    for path in ("/plugin/echo/poll", "/pipeline/async"):
        assert (await web.post(f"{path}?wait={value}")).status == 400
        assert (await web.post(path, headers={"Prefer": f"wait={value}"})).status == 400
    assert await web.count() == 0


async def test_waiting_on_a_duplicate_waits_for_the_first_job(web: Web) -> None:
    body = {"payload": {}, "dedupe_key": "k"}
    first = await web.post("/plugin/echo/poll", body)
    call = asyncio.create_task(web.post("/plugin/echo/poll?wait=30", body))
    await web.finish(await web.claim())
    answer = await call
    assert (answer.status, answer.json["job_id"]) == (200, first.json["job_id"])
    assert (answer.json["status"], answer.json["deduplicated"]) == ("succeeded", True)
    late = await web.post("/plugin/echo/poll?wait=30", body)
    assert (late.status, late.json["status"]) == (200, "succeeded")


async def test_a_duplicate_of_anothers_job_shows_no_more_than_its_state(web: Web) -> None:
    body = {"payload": {}, "dedupe_key": "k"}
    await web.post("/plugin/echo/poll", body)
    await web.finish(await web.claim())
    answer = await web.post("/plugin/echo/poll?wait=30", body, token="writer-token")
    assert answer.status == 200
    assert set(answer.json) == {"job_id", "status", "plugin", "command", "deduplicated"}
    await web.post("/pipeline/async", body)
    await web.finish(await web.claim())
    answer = await web.post("/pipeline/async?wait=30", body, token="writer-token")
    assert answer.status == 200
    assert set(answer.json) == {"job_id", "status", "plugin", "command", "deduplicated"}


async def test_more_waiters_than_allowed_are_refused_and_nothing_is_stored(web: Web) -> None:
    calls = [asyncio.create_task(web.post("/plugin/echo/poll?wait=30")) for _ in range(2)]
    claims = [await web.claim() for _ in range(2)]
    refused = await web.post("/plugin/echo/poll?wait=30")
    assert (refused.status, refused.json["error"]) == (503, "too_many_waiters")
    assert refused.headers["Retry-After"]
    assert await web.count() == 2
    assert (await web.post("/plugin/echo/poll")).status == 202
    for claimed in claims:
        await web.finish(claimed)
    assert {(await call).status for call in calls} == {200}
    assert (await web.post("/plugin/echo/poll?wait=0.01")).status == 202


async def test_a_client_that_leaves_gives_its_place_up_and_the_job_goes_on(web: Web) -> None:
    calls = [asyncio.create_task(web.post("/plugin/echo/poll?wait=300")) for _ in range(2)]
    claims = [await web.claim() for _ in range(2)]
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    while (await web.post("/plugin/echo/poll?wait=0.001")).status == 503:
        pass
    for claimed in claims:
        await web.finish(claimed)
        view = await web.store.job(claimed.job.id)
        assert view is not None
        assert view.state == "succeeded"


async def test_stopping_answers_those_who_wait(web: Web) -> None:
    call = asyncio.create_task(web.post("/plugin/echo/poll?wait=300"))
    await web.claim()
    web.waiters.release_all()
    answer = await call
    assert (answer.status, answer.json["status"]) == (202, "running")
    assert (await web.post("/plugin/echo/poll?wait=300")).status == 202


async def test_a_synchronous_pipeline_answers_with_its_result_and_tree(web: Web) -> None:
    call = asyncio.create_task(web.post("/pipeline/sync", {"payload": {}}))
    web.clock.now += 1000
    claimed = await web.claim()
    await web.finish(claimed)
    answer = await call
    assert answer.status == 200
    root, step = answer.json["tree"]
    assert answer.json["job_id"] == root["job_id"] == claimed.job.root_id
    assert (answer.json["status"], answer.json["result"]["result"]) == ("succeeded", "done")
    assert isinstance(answer.json["duration_ms"], int)
    assert (root["plugin"], root["command"], root["parent_job_id"]) == ("pipeline", "sync", None)
    assert (step["job_id"], step["plugin"], step["status"]) == (claimed.job.id, "echo", "succeeded")
    assert step["result"] == answer.json["result"] == root["result"]
    assert "error" not in answer.json


async def test_a_failed_run_is_a_call_that_worked(web: Web) -> None:
    call = asyncio.create_task(web.post("/pipeline/sync"))
    await web.finish(await web.claim(), error="no luck")
    answer = await call
    assert (answer.status, answer.json["status"]) == (200, "failed")
    assert "no luck" in answer.json["error"]
    assert answer.json["result"]["status"] == "error"


async def test_a_synchronous_pipeline_past_its_timeout_runs_on(web: Web) -> None:
    answer = await web.post("/pipeline/sync?wait=0.01")
    assert answer.status == 202
    assert answer.json == {
        "job_id": answer.json["job_id"],
        "status": "running",
        "timeout_exceeded": True,
        "message": "Pipeline still running after timeout.",
    }
    assert answer.headers["Location"] == f"/job/{answer.json['job_id']}"


async def test_a_synchronous_pipeline_need_not_be_waited_for(web: Web) -> None:
    for query in ("?async=true", "?async=1", "?async", "?wait=0"):
        answer = await web.post(f"/pipeline/sync{query}")
        assert (answer.status, answer.json["status"]) == (202, "queued")
    assert (await web.post("/pipeline/sync?async=perhaps")).status == 400


async def test_a_synchronous_pipeline_that_begins_with_a_split_is_waited_for(web: Web) -> None:
    call = asyncio.create_task(web.post("/pipeline/wide"))
    await web.finish(await web.claim())
    last = await web.claim()
    assert not call.done()
    await web.finish(last)
    answer = await call
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert {step: one["result"] for step, one in answer.json["result"].items()} == {"left": "done", "right": "done"}
    assert (await web.post("/pipeline/wide?async=true")).status == 202


async def test_an_asynchronous_pipeline_may_be_waited_for(web: Web) -> None:
    call = asyncio.create_task(web.post("/pipeline/two", headers={"Prefer": "wait=30"}))
    for _ in range(2):
        await web.finish(await web.claim())
    answer = await call
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert {step: one["result"] for step, one in answer.json["result"].items()} == {"l": "done", "r": "done"}


async def test_a_run_without_steps_to_run_ends_at_once_and_shows_what_it_passed_by(web: Web) -> None:
    answer = await web.post("/pipeline/gated?wait=30", {"payload": {"go": False}})
    assert (answer.status, answer.json["status"], answer.json["result"]) == (200, "succeeded", None)
    tree = (await web.get(f"/job/{answer.json['job_id']}/tree")).json
    assert [row["status"] for row in tree] == ["succeeded", "skipped"]
    assert tree[1]["step"] == "gate"
    assert tree[1]["condition"] == {"path": "payload.go", "op": "eq", "value": True}
    assert tree[1]["values"] == {"payload.go": False}


def _with_api(snapshot: Snapshot, **changes: Any) -> Snapshot:
    return replace(snapshot, api=replace(snapshot.api, **changes))


async def test_a_job_can_be_looked_at_when_it_has_ended(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    call = asyncio.create_task(web.get(f"/job/{job_id}?wait=30"))
    await web.finish(await web.claim())
    answer = await call
    assert (answer.status, answer.json["status"], answer.json["result"]["result"]) == (200, "succeeded", "done")
    again = await web.get(f"/job/{job_id}", headers={"Prefer": "wait=30"})
    assert again.json == answer.json


async def test_a_look_at_a_job_that_goes_on_tells_where_it_stands_when_the_time_is_over(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    answer = await web.get(f"/job/{job_id}?wait=0.01")
    assert (answer.status, answer.json["status"]) == (200, "queued")
    assert (await web.get(f"/job/{job_id}?wait=soon")).status == 400


async def test_looking_until_the_end_takes_one_of_the_places_for_those_who_wait(tmp_path: Path) -> None:
    async with serving(tmp_path) as web:
        web.live.snapshot = _with_api(web.live.snapshot, max_concurrent_sync=0)
        job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
        answer = await web.get(f"/job/{job_id}?wait=30")
        assert (answer.status, answer.json["error"]) == (503, "too_many_waiters")
        assert (await web.get(f"/job/{job_id}")).status == 200


async def test_an_end_just_before_it_is_expected_is_not_waited_for(web: Web) -> None:
    def waits() -> None:
        pytest.fail("it waits for what has been")

    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    await web.finish(await web.claim())
    caller = Principal(id="token:admin", kind="token", scopes=frozenset({"*"}))
    request: Any = SimpleNamespace(gateway=web.gateway, snapshot=web.live.snapshot, caller=caller, disconnected=waits)
    await wait_for_end(request, job_id, 30_000)
