import pytest
from msgspec.structs import replace
from support.web import SECRET, Web

from ductile.model.event import Event
from ductile.model.ids import new_id
from ductile.plugin.json_schema import compile_validator


async def test_a_job_has_every_field_from_the_start(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll", headers={"X-Request-Id": "r-1"})).json["job_id"]
    job = (await web.get(f"/job/{job_id}")).json
    created = job.pop("created_at")
    assert created == "2023-11-14T22:13:20.000Z"
    assert job == {
        "job_id": job_id,
        "status": "queued",
        "plugin": "echo",
        "command": "poll",
        "submitted_by": "api",
        "principal": "token:admin",
        "request_id": "r-1",
        "started_at": None,
        "completed_at": None,
        "attempt": 0,
        "max_attempts": 4,
        "priority": 0,
        "parent_job_id": None,
        "root_job_id": job_id,
        "step": None,
    }


async def test_an_ended_job_shows_its_response_redacted(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    event = Event(
        id=new_id(),
        type="echo.said",
        payload=b'{"word":"%s"}' % SECRET.encode(),
        source="echo",
        timestamp=web.clock(),
        dedupe_key="d",
        job_id=job_id,
        root_id=job_id,
    )
    await web.finish(await web.claim(), events=(event,), stderr="")
    job = (await web.get(f"/job/{job_id}/", token="reader-token")).json
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert job["completed_at"].endswith("Z")
    assert job["result"] == {
        "status": "ok",
        "result": "done",
        "events": [
            {
                "event_id": event.id,
                "type": "echo.said",
                "payload": {"word": "[REDACTED]"},
                "timestamp": "2023-11-14T22:13:20.000Z",
                "dedupe_key": "d",
            }
        ],
        "logs": [{"level": "info", "message": "hello"}],
    }
    full = (await web.get(f"/job/{job_id}")).json
    assert full["result"]["state_updates"] == {"seen": 1}
    assert SECRET not in str(full)


async def test_a_failed_job_shows_its_error_and_what_it_printed(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    await web.finish(await web.claim(), error="no luck", result=None, stdout="not json", stderr="oops")
    job = (await web.get(f"/job/{job_id}")).json
    assert (job["status"], job["last_error"]) == ("failed", "no luck")
    assert (job["stdout"], job["stderr"], job["exit_code"]) == ("not json", "oops", 1)
    assert "result" not in job


async def test_a_run_shows_what_its_steps_answered(web: Web) -> None:
    job_id = (await web.post("/pipeline/two")).json["job_id"]
    assert "result" not in (await web.get(f"/job/{job_id}")).json
    for _ in range(2):
        await web.finish(await web.claim())
    job = (await web.get(f"/job/{job_id}")).json
    assert (job["status"], set(job["result"])) == ("succeeded", {"l", "r"})


async def test_a_tree_has_the_root_first_and_every_field_on_each_row(web: Web) -> None:
    job_id = (await web.post("/pipeline/two")).json["job_id"]
    rows = (await web.get(f"/job/{job_id}/tree")).json
    assert rows[0]["job_id"] == job_id
    assert [row["parent_job_id"] for row in rows] == [None, job_id, job_id]
    assert sorted(row["step"] or "" for row in rows) == ["", "l", "r"]
    fields = {"job_id", "parent_job_id", "plugin", "command", "status", "result", "started_at", "completed_at", "step"}
    assert all(fields <= set(row) for row in rows)


async def test_jobs_are_listed_newest_first_in_pages(web: Web) -> None:
    made = [(await web.post("/plugin/echo/poll")).json["job_id"] for _ in range(5)]
    first = (await web.get("/jobs?limit=2")).json
    await web.post("/plugin/alias/poll")
    second = (await web.get(f"/jobs?limit=2&cursor={first['cursor']}")).json
    third = (await web.get(f"/jobs?limit=2&cursor={second['cursor']}")).json
    seen = [job["job_id"] for page in (first, second, third) for job in page["jobs"]]
    assert seen == made[::-1]
    assert (first["total"], second["total"], third["cursor"]) == (5, 6, None)
    assert set(first["jobs"][0]) == {
        "job_id",
        "plugin",
        "command",
        "status",
        "created_at",
        "started_at",
        "completed_at",
        "attempt",
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("plugin=echo", 3),
        ("plugin=echo&command=peek", 1),
        ("command=poll", 3),
        ("status=queued", 2),
        ("status=pending", 2),
        ("status=ok", 1),
        ("status=succeeded", 1),
        ("status=error", 1),
        ("status=failed&plugin=alias", 0),
        ("plugin=nobody", 0),
        ("limit=100000", 4),
    ],
)
async def test_jobs_are_filtered(web: Web, query: str, count: int) -> None:
    await web.post("/plugin/echo/poll")
    await web.finish(await web.claim())
    await web.post("/plugin/echo/poll")
    await web.finish(await web.claim(), error="x")
    await web.post("/plugin/echo/peek")
    await web.post("/plugin/alias/poll")
    page = (await web.get(f"/jobs?{query}", token="reader-token")).json
    assert (len(page["jobs"]), page["total"]) == (count, count)


@pytest.mark.parametrize(
    "query",
    [
        "status=sleeping",
        "status=",
        "limit=0",
        "limit=-1",
        "limit=many",
        "limit=1.5",
        "limit=",
        "cursor=x",
        "limit=%C2%B2",
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(web: Web, query: str) -> None:
    answer = await web.get(f"/jobs?{query}")
    assert (answer.status, answer.json["error"]) == (400, "bad_request")


async def test_a_waiting_job_is_cancelled_at_once_and_only_once(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    answer = await web.post(f"/job/{job_id}/cancel", token="canceller-token")
    assert (answer.status, answer.json) == (200, {"job_id": job_id, "status": "cancelled"})
    again = await web.post(f"/job/{job_id}/cancel")
    assert (again.status, again.json["error"]) == (409, "job_finished")


async def test_a_running_job_is_cancelled_when_its_attempt_is_stopped(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    await web.claim()
    answer = await web.post(f"/job/{job_id}/cancel")
    assert (answer.status, answer.json["status"]) == (202, "running")
    assert (await web.get(f"/job/{job_id}")).json["cancel_requested_at"]


async def test_a_job_whose_event_is_gone_cannot_be_started_again(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/poll")).json["job_id"]
    await web.finish(await web.claim())
    found = await web.store.root_with_event(job_id)
    assert found is not None
    assert found[1] is not None
    await web.store.write(lambda tx, event_id: tx.execute("trim_input", id=event_id), found[1].id)
    answer = await web.post(f"/job/{job_id}/retry")
    assert (answer.status, answer.json["error"]) == (409, "payload_gone")


async def test_a_payload_is_checked_again_where_it_was_checked_before(web: Web) -> None:
    job_id = (await web.post("/plugin/echo/say", {"message": "x"})).json["job_id"]
    await web.finish(await web.claim())
    assert (await web.post(f"/job/{job_id}/retry")).status == 202
    stricter = compile_validator({"type": "object", "properties": {"message": {"const": "y"}}})
    echo = web.live.snapshot.plugins["echo"]
    web.live.snapshot = replace(
        web.live.snapshot, plugins={**web.live.snapshot.plugins, "echo": replace(echo, validators={"say": stricter})}
    )
    answer = await web.post(f"/job/{job_id}/retry")
    assert (answer.status, answer.json["error"]) == (400, "invalid_payload")


async def test_a_run_is_cancelled_with_its_waiting_steps(web: Web) -> None:
    job_id = (await web.post("/pipeline/two")).json["job_id"]
    assert (await web.post(f"/job/{job_id}/cancel")).status == 200
    rows = (await web.get(f"/job/{job_id}/tree")).json
    assert {row["status"] for row in rows} == {"cancelled"}
