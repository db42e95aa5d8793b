"""`?dry_run=true`: the same answer of the same code, and nothing changes."""

from typing import Any

import pytest
from support.gateway import Gateway
from support.rows import default_rows
from support.sample_gateway import is_error

CHANGING = [row for row in default_rows() if row.method != "GET"]
PURE = {"/pipeline/{pipeline}/dry-run"}
"""Routes that change nothing though they take a body."""


def state(sample: Gateway) -> Any:
    """What can be seen of the gateway: jobs, counts, generation, pause."""
    health = sample.get("/healthz")
    seen = {name: health[name] for name in ("generation", "config_hash", "paused", "last_reload_error", "queue_depth")}
    return seen, sample.get("/jobs?limit=1000"), sample.get("/analytics/queue")["by_plugin"]


def dry(sample: Gateway, path: str, body: Any = None, **more: Any) -> Any:
    """A dry run, which must answer 200 and leave everything as it was."""
    before = state(sample)
    answer = sample.post(f"{path}{'&' if '?' in path else '?'}dry_run=true", body, **more)
    assert (answer.status, answer.body["dry_run"]) == (200, True), answer.raw
    assert answer.body["would"]
    assert answer.body.get("status") in (None, "ok"), "nothing is queued, cancelled or stopped"
    assert state(sample) == before
    return answer.body


def refused(sample: Gateway, path: str, body: Any = None, *, status: int, code: str) -> None:
    """The dry run and the call itself are refused alike."""
    for query in ("?dry_run=true", ""):
        assert is_error(sample.post(f"{path}{query}", body), status, code)


@pytest.mark.parametrize("row", CHANGING, ids=lambda row: f"{row.method} {row.path}")
def test_every_route_that_changes_something_can_be_tried(row: Any) -> None:
    assert row.path in PURE or "dry_run" in {parameter.name for parameter in row.parameters}


def test_a_trigger_says_what_it_would_make(sample: Gateway) -> None:
    assert dry(sample, "/plugin/shell/say", {"message": "x"}) == {
        "dry_run": True,
        "would": "start a job of shell.say",
        "job_id": None,
        "plugin": "shell",
        "command": "say",
    }
    assert "status" not in dry(sample, "/plugin/shell/handle?wait=20")
    refused(sample, "/plugin/shell/say", {"message": 1}, status=400, code="invalid_payload")
    refused(sample, "/plugin/nobody/say", status=404, code="unknown_plugin")
    refused(sample, "/plugin/off/handle", status=503, code="plugin_unavailable")
    assert is_error(sample.post("/plugin/shell/handle?dry_run=perhaps"), 400, "bad_request")


def test_a_trigger_that_an_earlier_job_stands_for_names_it(sample: Gateway) -> None:
    body = {"payload": {}, "dedupe_key": "dry", "run_at": "2999-01-01T00:00:00Z"}
    assert dry(sample, "/plugin/shell/handle", body)["job_id"] is None
    job_id = sample.post("/plugin/shell/handle", body).body["job_id"]
    answer = dry(sample, "/plugin/shell/handle", body)
    assert (answer["job_id"], answer["deduplicated"]) == (job_id, True)
    assert answer["would"] == f"answer with job {job_id}, which stands for this call"
    assert "status" not in answer


def test_an_idempotency_key_is_not_used_up(sample: Gateway) -> None:
    key = {"headers": {"Idempotency-Key": "dry"}}
    assert dry(sample, "/plugin/shell/handle", {"a": 1}, **key)["job_id"] is None
    job_id = sample.post("/plugin/shell/handle?wait=20", {"b": 2}, **key).body["job_id"]
    assert dry(sample, "/plugin/shell/handle", {"b": 2}, **key)["job_id"] == job_id
    answer = sample.post("/plugin/shell/handle?dry_run=true", {"a": 1}, **key)
    assert is_error(answer, 409, "idempotency_conflict")


def test_a_run_says_with_which_steps_it_would_begin(sample: Gateway) -> None:
    answer = dry(sample, "/pipeline/line")
    assert answer["steps"] == [{"step": "first", "plugin": "shell", "command": "handle"}]
    assert (answer["job_id"], answer["plugin"], answer["command"]) == (None, "pipeline", "line")
    assert [step["step"] for step in dry(sample, "/pipeline/wide")["steps"]] == ["left", "right"]
    assert [step["step"] for step in dry(sample, "/pipeline/gated", {"go": False})["steps"]] == ["always"]
    refused(sample, "/pipeline/picky", {}, status=400, code="bad_entry")
    refused(sample, "/pipeline/nobody", {}, status=404, code="unknown_pipeline")


def test_a_cancel_says_what_would_become_of_the_job(sample: Gateway) -> None:
    body = {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}
    job_id = sample.post("/plugin/shell/handle", body).body["job_id"]
    run_id = sample.post("/pipeline/later", body).body["job_id"]
    for one in (job_id, run_id):
        assert dry(sample, f"/job/{one}/cancel") == {
            "dry_run": True,
            "would": "cancel the job at once",
            "job_id": one,
        }
    assert sample.post(f"/job/{job_id}/cancel").body["status"] == "cancelled"
    refused(sample, f"/job/{job_id}/cancel", status=409, code="job_finished")
    refused(sample, "/job/none/cancel", status=404, code="unknown_job")


def test_a_retry_says_what_it_would_start(sample: Gateway) -> None:
    job_id = sample.run("shell", "handle")["job_id"]
    answer = dry(sample, f"/job/{job_id}/retry")
    assert (answer["job_id"], answer["retry_of"], answer["plugin"]) == (None, job_id, "shell")
    waits = sample.post("/plugin/shell/handle", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    refused(sample, f"/job/{waits}/retry", status=409, code="job_unfinished")


def test_a_purge_says_how_many_it_would_cancel(sample: Gateway) -> None:
    waiting = len(sample.jobs(status="queued"))
    assert dry(sample, "/queue/purge") == {
        "dry_run": True,
        "would": f"cancel {waiting} jobs",
        "purged": waiting,
    }


def test_an_event_says_what_it_would_start(sample: Gateway) -> None:
    body = {"type": "thing.made", "payload": {}, "dedupe_key": "dry-event"}
    row = {"job_id": None, "plugin": "pipeline", "command": "made"}
    assert dry(sample, "/events", body) == {
        "dry_run": True,
        "would": "start 1 jobs and runs",
        "event_id": None,
        "started": [row],
    }
    key = {"headers": {"Idempotency-Key": "dry-event"}}
    sent = sample.post("/events", body, **key).body
    sample.get(f"/job/{sent['started'][0]['job_id']}?wait=20")
    [started] = dry(sample, "/events", body)["started"]
    assert (started["job_id"], started["deduplicated"]) == (sent["started"][0]["job_id"], True)
    assert dry(sample, "/events", body, **key)["event_id"] == sent["event_id"]


def test_a_reload_says_what_would_change(sample: Gateway) -> None:
    unchanged = dry(sample, "/system/reload")
    assert (unchanged["changed"], unchanged["changes"]) == (False, [])
    pipelines = sample.config["pipelines"]
    sample.configure(service={"max_hops": 19})
    answer = dry(sample, "/system/reload")
    assert (answer["changed"], answer["changes"]) == (True, ["service"])
    assert answer["generation"] == unchanged["generation"] + 1
    assert "reloaded_at" not in answer
    sample.configure(pipelines=[{"name": "bad"}])
    before = state(sample)
    answer = sample.post("/system/reload?dry_run=true")
    assert is_error(answer, 422, "invalid_configuration")
    assert answer.body["details"]["errors"][0]["line"]
    assert state(sample) == before, "it is no refused reload either"
    sample.configure(pipelines=pipelines)
    done = sample.post("/system/reload").body
    assert (done["changes"], done["generation"]) == (["service"], unchanged["generation"] + 1)


def test_a_pause_and_its_end_and_a_stop_can_be_tried(sample: Gateway) -> None:
    assert dry(sample, "/system/pause") == {
        "status": "ok",
        "paused": True,
        "changed": True,
        "dry_run": True,
        "would": "stop claiming jobs",
    }
    resume = dry(sample, "/system/resume")
    assert (resume["paused"], resume["changed"], resume["would"]) == (False, False, "change nothing")
    assert dry(sample, "/system/stop") == {"dry_run": True, "would": "stop the gateway gracefully"}
    assert sample.call("GET", "/readyz").status == 200
