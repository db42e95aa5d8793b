"""`?dry_run=true`: the same answer of the same code, and nothing changes."""

from typing import Any

import pytest
from support.gateway import Gateway
from support.rows import default_rows
from support.world import is_error

CHANGING = [row for row in default_rows() if row.method != "GET"]
PURE = {"/pipeline/{pipeline}/dry-run"}
"""Routes that change nothing though they take a body."""


def state(world: Gateway) -> Any:
    """What can be seen of the gateway: jobs, counts, generation, pause."""
    health = world.get("/healthz")
    seen = {name: health[name] for name in ("generation", "config_hash", "paused", "last_reload_error", "queue_depth")}
    return seen, world.get("/jobs?limit=1000"), world.get("/analytics/queue")["by_plugin"]


def dry(world: Gateway, path: str, body: Any = None, **more: Any) -> Any:
    """A dry run, which must answer 200 and leave everything as it was."""
    before = state(world)
    answer = world.post(f"{path}{'&' if '?' in path else '?'}dry_run=true", body, **more)
    assert (answer.status, answer.body["dry_run"]) == (200, True), answer.raw
    assert answer.body["would"]
    assert answer.body.get("status") in (None, "ok"), "nothing is queued, cancelled or stopped"
    assert state(world) == before
    return answer.body


def refused(world: Gateway, path: str, body: Any = None, *, status: int, code: str) -> None:
    """The dry run and the call itself are refused alike."""
    for query in ("?dry_run=true", ""):
        assert is_error(world.post(f"{path}{query}", body), status, code)


@pytest.mark.parametrize("row", CHANGING, ids=lambda row: f"{row.method} {row.path}")
def test_every_route_that_changes_something_can_be_tried(row: Any) -> None:
    assert row.path in PURE or "dry_run" in {parameter.name for parameter in row.parameters}


def test_a_trigger_says_what_it_would_make(world: Gateway) -> None:
    assert dry(world, "/plugin/shell/say", {"message": "x"}) == {
        "dry_run": True,
        "would": "start a job of shell.say",
        "job_id": None,
        "plugin": "shell",
        "command": "say",
    }
    assert "status" not in dry(world, "/plugin/shell/handle?wait=20")
    refused(world, "/plugin/shell/say", {"message": 1}, status=400, code="invalid_payload")
    refused(world, "/plugin/nobody/say", status=404, code="unknown_plugin")
    refused(world, "/plugin/off/handle", status=503, code="plugin_unavailable")
    assert is_error(world.post("/plugin/shell/handle?dry_run=perhaps"), 400, "bad_request")


def test_a_trigger_that_an_earlier_job_stands_for_names_it(world: Gateway) -> None:
    body = {"payload": {}, "dedupe_key": "dry", "run_at": "2999-01-01T00:00:00Z"}
    assert dry(world, "/plugin/shell/handle", body)["job_id"] is None
    job_id = world.post("/plugin/shell/handle", body).body["job_id"]
    answer = dry(world, "/plugin/shell/handle", body)
    assert (answer["job_id"], answer["deduplicated"]) == (job_id, True)
    assert answer["would"] == f"answer with job {job_id}, which stands for this call"
    assert "status" not in answer


def test_an_idempotency_key_is_not_used_up(world: Gateway) -> None:
    key = {"headers": {"Idempotency-Key": "dry"}}
    assert dry(world, "/plugin/shell/handle", {"a": 1}, **key)["job_id"] is None
    job_id = world.post("/plugin/shell/handle?wait=20", {"b": 2}, **key).body["job_id"]
    assert dry(world, "/plugin/shell/handle", {"b": 2}, **key)["job_id"] == job_id
    answer = world.post("/plugin/shell/handle?dry_run=true", {"a": 1}, **key)
    assert is_error(answer, 409, "idempotency_conflict")


def test_a_run_says_with_which_steps_it_would_begin(world: Gateway) -> None:
    answer = dry(world, "/pipeline/line")
    assert answer["steps"] == [{"step": "first", "plugin": "shell", "command": "handle"}]
    assert (answer["job_id"], answer["plugin"], answer["command"]) == (None, "pipeline", "line")
    assert [step["step"] for step in dry(world, "/pipeline/wide")["steps"]] == ["left", "right"]
    assert [step["step"] for step in dry(world, "/pipeline/gated", {"go": False})["steps"]] == ["always"]
    refused(world, "/pipeline/picky", {}, status=400, code="bad_entry")
    refused(world, "/pipeline/nobody", {}, status=404, code="unknown_pipeline")


def test_a_cancel_says_what_would_become_of_the_job(world: Gateway) -> None:
    body = {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}
    job_id = world.post("/plugin/shell/handle", body).body["job_id"]
    run_id = world.post("/pipeline/later", body).body["job_id"]
    for one in (job_id, run_id):
        assert dry(world, f"/job/{one}/cancel") == {
            "dry_run": True,
            "would": "cancel the job at once",
            "job_id": one,
        }
    assert world.post(f"/job/{job_id}/cancel").body["status"] == "cancelled"
    refused(world, f"/job/{job_id}/cancel", status=409, code="job_finished")
    refused(world, "/job/none/cancel", status=404, code="unknown_job")


def test_a_retry_says_what_it_would_start(world: Gateway) -> None:
    job_id = world.run("shell", "handle")["job_id"]
    answer = dry(world, f"/job/{job_id}/retry")
    assert (answer["job_id"], answer["retry_of"], answer["plugin"]) == (None, job_id, "shell")
    waits = world.post("/plugin/shell/handle", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    refused(world, f"/job/{waits}/retry", status=409, code="job_unfinished")


def test_a_purge_says_how_many_it_would_cancel(world: Gateway) -> None:
    waiting = len(world.jobs(status="queued"))
    assert dry(world, "/queue/purge") == {
        "dry_run": True,
        "would": f"cancel {waiting} jobs",
        "purged": waiting,
    }


def test_an_event_says_what_it_would_start(world: Gateway) -> None:
    body = {"type": "thing.made", "payload": {}, "dedupe_key": "dry-event"}
    row = {"job_id": None, "plugin": "pipeline", "command": "made"}
    assert dry(world, "/events", body) == {
        "dry_run": True,
        "would": "start 1 jobs and runs",
        "event_id": None,
        "started": [row],
    }
    key = {"headers": {"Idempotency-Key": "dry-event"}}
    sent = world.post("/events", body, **key).body
    world.get(f"/job/{sent['started'][0]['job_id']}?wait=20")
    [started] = dry(world, "/events", body)["started"]
    assert (started["job_id"], started["deduplicated"]) == (sent["started"][0]["job_id"], True)
    assert dry(world, "/events", body, **key)["event_id"] == sent["event_id"]


def test_a_reload_says_what_would_change(world: Gateway) -> None:
    unchanged = dry(world, "/system/reload")
    assert (unchanged["changed"], unchanged["changes"]) == (False, [])
    pipelines = world.config["pipelines"]
    world.configure(service={"max_hops": 19})
    answer = dry(world, "/system/reload")
    assert (answer["changed"], answer["changes"]) == (True, ["service"])
    assert answer["generation"] == unchanged["generation"] + 1
    assert "reloaded_at" not in answer
    world.configure(pipelines=[{"name": "bad"}])
    before = state(world)
    answer = world.post("/system/reload?dry_run=true")
    assert is_error(answer, 422, "invalid_configuration")
    assert answer.body["details"]["errors"][0]["line"]
    assert state(world) == before, "it is no refused reload either"
    world.configure(pipelines=pipelines)
    done = world.post("/system/reload").body
    assert (done["changes"], done["generation"]) == (["service"], unchanged["generation"] + 1)


def test_a_pause_and_its_end_and_a_stop_can_be_tried(world: Gateway) -> None:
    assert dry(world, "/system/pause") == {
        "status": "ok",
        "paused": True,
        "changed": True,
        "dry_run": True,
        "would": "stop claiming jobs",
    }
    resume = dry(world, "/system/resume")
    assert (resume["paused"], resume["changed"], resume["would"]) == (False, False, "change nothing")
    assert dry(world, "/system/stop") == {"dry_run": True, "would": "stop the gateway gracefully"}
    assert world.call("GET", "/readyz").status == 200
