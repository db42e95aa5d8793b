"""What of ended attempts is shown to whom, and that it stays when their jobs are gone."""

import orjson
from support.store import trim
from support.web import SECRET, Web


async def end(web: Web, **more: object) -> str:
    """Run a job to its end; its id."""
    job_id: str = (await web.post("/plugin/echo/poll")).json["job_id"]
    await web.finish(await web.claim(), **more)
    return job_id


async def without_jobs(web: Web) -> None:
    """Let retention take every ended job and leave the attempts."""
    web.clock.now += 10
    while await web.store.write(trim, jobs_before=web.clock.now, attempts_before=0, limit=100):
        pass


async def test_an_attempt_is_shown_when_its_job_is_gone(web: Web) -> None:
    job_id = await end(web, error="no luck", stderr="oops", stdout="not json")
    before = (await web.get("/job-logs?include_result=true")).json
    shown = (await web.get(f"/job/{job_id}/logs")).json
    await without_jobs(web)
    assert (await web.get(f"/job/{job_id}")).status == 404
    assert (await web.get("/job-logs?include_result=true")).json == before
    assert before["logs"][0]["result"]["error"] == "no luck"
    assert (await web.get("/job-logs?query=luck")).json["total"] == 1
    assert (await web.get(f"/job/{job_id}/logs")).json == shown
    assert shown["logs"][0]["stdout"] == "not json"


async def test_the_logs_of_a_job_that_is_gone_need_the_scope(web: Web) -> None:
    job_id: str = (await web.post("/plugin/echo/poll", token="writer-token")).json["job_id"]
    await web.finish(await web.claim())
    assert (await web.get(f"/job/{job_id}/logs", token="writer-token")).status == 200
    await without_jobs(web)
    assert (await web.get(f"/job/{job_id}/logs", token="writer-token")).status == 403
    assert (await web.get(f"/job/{job_id}/logs", token="reader-token")).status == 200


async def test_what_became_a_secret_since_is_redacted_when_shown(web: Web) -> None:
    result = orjson.dumps({"status": "ok", "result": f"of {SECRET}", "state_updates": {"k": SECRET}})
    logs = orjson.dumps([{"level": "info", "message": SECRET}])
    job_id = await end(web, result=result, stderr=SECRET, stdout=SECRET, logs=logs)
    for path in ("/job-logs?include_result=true", f"/job/{job_id}/logs"):
        answer = await web.get(path)
        assert answer.status == 200
        assert SECRET not in str(answer.json)
        assert "[REDACTED]" in str(answer.json)


async def test_what_plugins_remember_is_shown_to_all_scopes_alone(web: Web) -> None:
    await end(web)
    [row] = (await web.get("/job-logs?include_result=true")).json["logs"]
    assert row["result"] == {"status": "ok", "result": "done", "state_updates": {"seen": 1}}
    [row] = (await web.get("/job-logs?include_result=true", token="reader-token")).json["logs"]
    assert row["result"] == {"status": "ok", "result": "done"}


async def test_each_attempt_of_a_job_is_shown_oldest_first(web: Web) -> None:
    job_id: str = (await web.post("/plugin/echo/poll")).json["job_id"]
    await web.finish(await web.claim(), error="at first", state="queued")
    await web.finish(await web.claim())
    rows = (await web.get(f"/job/{job_id}/logs")).json["logs"]
    assert [(row["attempt"], row["status"], row["last_error"]) for row in rows] == [
        (1, "failed", "at first"),
        (2, "succeeded", None),
    ]
    assert rows[0]["logs"] == [{"level": "info", "message": "hello"}]
    listed = (await web.get(f"/job-logs?job_id={job_id}")).json["logs"]
    assert [row["attempt"] for row in listed] == [2, 1]
