import asyncio

import pytest
from support.web import SECRET, Web

from ductile.model.ids import new_id


async def test_a_command_is_accepted_as_one_durable_job(web: Web) -> None:
    answer = await web.post("/plugin/echo/poll", {"payload": {"a": 1}}, headers={"X-Request-Id": "mine-1"})
    assert answer.status == 202
    job_id = answer.json["job_id"]
    assert answer.json == {"job_id": job_id, "status": "queued", "plugin": "echo", "command": "poll"}
    assert answer.headers["Location"] == f"/job/{job_id}"
    assert await web.count() == 1
    view = await web.store.job(job_id)
    assert view is not None
    assert (view.principal, view.submitted_by, view.request_id) == ("token:admin", "api", "mine-1")


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (None, b"{}"),
        (b"", b"{}"),
        ({}, b"{}"),
        ({"payload": {}}, b"{}"),
        ({"payload": {"x": 1}}, b'{"x":1}'),
        ({"x": 1, "priority": 7}, b'{"x":1,"priority":7}'),
        (b'{"x":1}', b'{"x":1}'),
    ],
)
async def test_the_body_is_wrapped_bare_or_empty(web: Web, body: object, payload: bytes) -> None:
    assert (await web.post("/plugin/echo/handle", body)).status == 202
    claimed = await web.claim()
    assert (claimed.event.payload, claimed.event.type, claimed.event.source) == (payload, "api.trigger", "api")


@pytest.mark.parametrize(
    "body",
    [
        {"payload": {}, "unknown": 1},
        {"payload": {}, "priorty": 1},
        {"payload": []},
        {"payload": None},
        {"payload": "text"},
        {"payload": {}, "priority": 101},
        {"payload": {}, "priority": 1.5},
        {"payload": {}, "priority": True},
        {"payload": {}, "priority": "1"},
        {"payload": {}, "route": "yes"},
        {"payload": {}, "route": 1},
        {"payload": {}, "dedupe_key": ""},
        {"payload": {}, "dedupe_key": 5},
        {"payload": {}, "dedupe_key": "x" * 256},
        {"payload": {}, "run_at": "tomorrow"},
        {"payload": {}, "run_at": "2030-01-01T00:00:00"},
        {"payload": {}, "run_at": 1_900_000_000_000},
        {"payload": {}, "run_at": None},
        {"payload": {}, "run_at": "20300101T000000Z"},
        {"payload": {}, "run_at": "9999-12-31T23:59:59-14:00"},
        {"payload": {}, "run_at": "0001-01-01T00:00:00+14:00"},
    ],
)
@pytest.mark.parametrize("path", ["/plugin/echo/poll", "/pipeline/async"])
async def test_members_that_are_unknown_or_wrong_are_refused(web: Web, path: str, body: object) -> None:
    answer = await web.post(path, body)
    assert (answer.status, answer.json["error"]) == (400, "bad_request")
    assert await web.count() == 0


async def test_a_run_routes_what_it_emits_whatever_is_said(web: Web) -> None:
    answer = await web.post("/pipeline/async", {"payload": {}, "route": False})
    assert answer.status == 400
    assert "known are payload, dedupe_key, run_at, priority)" in answer.json["message"]


async def test_what_was_probably_meant_is_said(web: Web) -> None:
    answer = await web.post("/plugin/echo/poll", {"payload": {}, "priorty": 1})
    assert "did you mean `priority`?" in answer.json["message"]


async def test_options_reach_the_job(web: Web) -> None:
    body = {"payload": {}, "priority": -100, "run_at": "2030-01-01T01:00:00+01:00", "dedupe_key": "k", "route": True}
    answer = await web.post("/plugin/echo/poll", body)
    assert answer.status == 202
    job = (await web.get(f"/job/{answer.json['job_id']}")).json
    assert (job["priority"], job["run_at"]) == (-100, "2030-01-01T00:00:00.000Z")


async def test_a_payload_that_breaks_the_schema_is_refused_with_every_place(web: Web) -> None:
    answer = await web.post("/plugin/echo/say", {"payload": {"message": 5}})
    assert (answer.status, answer.json["error"]) == (400, "invalid_payload")
    [error] = answer.json["details"]["errors"]
    assert error["path"] == "/message"
    assert set(error) == {"path", "message", "schema_path"}
    assert await web.count() == 0


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/plugin/nobody/poll", 404, "unknown_plugin"),
        ("/plugin/echo/nothing", 404, "unknown_command"),
        ("/plugin/pipeline/sync", 404, "unknown_plugin"),
        ("/plugin/ech%6F/nothing%20here", 404, "unknown_command"),
        ("/plugin/..%2F..%2Fetc/passwd", 404, "unknown_plugin"),
        ("/plugin/../poll", 404, "unknown_plugin"),
        ("/plugin/%00/poll", 404, "unknown_plugin"),
        ("/plugin/%FF%FE/poll", 404, "unknown_plugin"),
        ("/plugin//poll", 404, "not_found"),
        ("/plugin/echo/poll/more", 404, "not_found"),
        ("/plugin/off/poll", 503, "plugin_unavailable"),
        ("/plugin/broken/poll", 503, "plugin_unavailable"),
        ("/pipeline/nothing", 404, "unknown_pipeline"),
        ("/pipeline/%2e%2e", 404, "unknown_pipeline"),
    ],
)
async def test_names_that_cannot_be_run_are_told_apart(web: Web, path: str, status: int, code: str) -> None:
    answer = await web.post(path)
    assert (answer.status, answer.json["error"]) == (status, code)
    assert answer.json["code"] == status
    if status == 503:
        assert answer.headers["Retry-After"]
        assert "reason" in answer.json["details"]
    assert SECRET not in str(answer.json)


async def test_percent_encoded_names_and_a_trailing_slash_make_no_difference(web: Web) -> None:
    assert (await web.post("/plugin/ech%6F/p%6fll/")).status == 202
    assert (await web.post("/%70lugin/echo/poll")).status == 202


async def test_a_dedupe_hit_answers_200_with_the_first_job(web: Web) -> None:
    first = await web.post("/plugin/echo/poll", {"payload": {}, "dedupe_key": "k"})
    second = await web.post("/plugin/echo/poll", {"payload": {}, "dedupe_key": "k"})
    assert (first.status, second.status) == (202, 200)
    assert second.json["job_id"] == first.json["job_id"]
    assert (second.json["status"], second.json["deduplicated"]) == ("queued", True)
    assert await web.count() == 1


async def test_an_idempotency_key_gives_the_same_job_with_its_current_state(web: Web) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await web.post("/plugin/echo/poll", {"payload": {"a": 1}}, headers=headers)
    again = await web.post("/plugin/echo/poll/", {"payload": {"a": 1}}, headers=headers)
    assert (again.status, again.json) == (202, first.json)
    await web.finish(await web.claim())
    ended = await web.post("/plugin/echo/poll", {"payload": {"a": 1}}, headers=headers)
    assert (ended.status, ended.json["status"], ended.json["job_id"]) == (200, "succeeded", first.json["job_id"])
    assert await web.count() == 1


async def test_an_idempotency_key_with_another_body_is_a_conflict(web: Web) -> None:
    headers = {"Idempotency-Key": "once"}
    await web.post("/plugin/echo/poll", {"payload": {"a": 1}}, headers=headers)
    other = await web.post("/plugin/echo/poll", {"payload": {"a": 2}}, headers=headers)
    assert (other.status, other.json["error"]) == (409, "idempotency_conflict")
    assert await web.count() == 1


async def test_an_idempotency_key_belongs_to_principal_and_path(web: Web) -> None:
    headers = {"Idempotency-Key": "once"}
    calls = [
        ("/plugin/echo/poll", "admin-token"),
        ("/plugin/echo/poll", "writer-token"),
        ("/plugin/alias/poll", "admin-token"),
    ]
    for path, token in calls:
        assert (await web.post(path, {"a": 1}, headers=headers, token=token)).status == 202
    assert await web.count() == 3


async def test_an_idempotency_key_belongs_to_a_path_however_it_is_written(web: Web) -> None:
    for path in ("/plugin/echo/poll", "/plugin/echo/poll/", "/plugin/%65cho/p%6Fll"):
        await web.post(path, {"a": 1}, headers={"Idempotency-Key": "once"})
    assert await web.count() == 1


async def test_concurrent_duplicates_make_one_job(web: Web) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(web.post("/plugin/echo/poll", {"a": 1}, headers=headers) for _ in range(20)))
    assert len({answer.json["job_id"] for answer in answers}) == 1
    assert await web.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "ümlaut", "tab\there"])
async def test_a_bad_idempotency_key_is_refused(web: Web, key: str) -> None:
    answer = await web.post("/plugin/echo/poll", headers={"Idempotency-Key": key})
    assert (answer.status, answer.json["error"]) == (400, "bad_request")


async def test_a_pipeline_is_accepted_as_a_run(web: Web) -> None:
    answer = await web.post("/pipeline/async", {"payload": {"a": 1}})
    job_id = answer.json["job_id"]
    assert answer.status == 202
    assert answer.json == {"job_id": job_id, "status": "queued", "plugin": "pipeline", "command": "async"}
    assert answer.headers["Location"] == f"/job/{job_id}"


async def test_a_pipeline_whose_entry_cannot_be_decided_is_refused_before_anything_is_stored(web: Web) -> None:
    answer = await web.post("/pipeline/picky", {"payload": {}})
    assert (answer.status, answer.json["error"]) == (400, "bad_entry")
    assert await web.count() == 0


async def test_unknown_jobs_are_404(web: Web) -> None:
    for job_id in (new_id(), "nonsense", "..%2F..", "%00"):
        for method, suffix in (("GET", ""), ("GET", "/tree"), ("POST", "/cancel")):
            answer = await web.call(method, f"/job/{job_id}{suffix}")
            assert (answer.status, answer.json["error"]) == (404, "unknown_job")
