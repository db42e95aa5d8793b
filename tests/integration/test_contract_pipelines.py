"""Running pipelines over HTTP."""

import json
import socket
from datetime import datetime

import pytest
from support.gateway import Answer, Gateway
from support.sample_gateway import is_error, open_gate, request_head

RESPONSE = {"status": "ok", "result": "done", "events": [], "logs": [], "state_updates": {}}
TREE_ROW = {"job_id", "parent_job_id", "plugin", "command", "status", "result", "started_at", "completed_at", "step"}


def runs(sample: Gateway, pipeline: str) -> int:
    count: int = sample.get(f"/jobs?limit=1&plugin=pipeline&command={pipeline}")["total"]
    return count


def test_a_pipeline_is_accepted_as_a_run(sample: Gateway) -> None:
    answer = sample.post("/pipeline/later", {"payload": {"a": 1}})
    job_id = answer.body["job_id"]
    assert answer.status == 202
    assert answer.body == {"job_id": job_id, "status": "queued", "plugin": "pipeline", "command": "later"}
    assert answer.headers["location"] == f"/job/{job_id}"


def test_a_bad_entry_is_refused_before_anything_is_stored(sample: Gateway) -> None:
    answer = sample.post("/pipeline/picky", {"payload": {}})
    assert is_error(answer, 400, "bad_entry")
    assert "claims" in answer.body["message"]
    assert runs(sample, "picky") == 0
    assert sample.post("/pipeline/picky", {"payload": {"id": 7}}).status == 202


def test_a_synchronous_pipeline_answers_with_its_result_and_tree(sample: Gateway) -> None:
    answer = sample.post("/pipeline/line", {"payload": {"a": 1}})
    assert answer.status == 200
    assert set(answer.body) == {"job_id", "status", "duration_ms", "result", "tree"}
    assert answer.body["status"] == "succeeded"
    assert isinstance(answer.body["duration_ms"], int)
    assert answer.body["result"]["result"]["command"] == "handle"
    rows = [(row["plugin"], row["command"], row["status"]) for row in answer.body["tree"]]
    assert rows == [
        ("pipeline", "line", "succeeded"),
        ("shell", "handle", "succeeded"),
        ("echo", "handle", "succeeded"),
    ]
    assert answer.body["tree"] == sample.get(f"/job/{answer.body['job_id']}/tree")
    assert answer.body["result"] == answer.body["tree"][-1]["result"]


def test_several_leaves_answer_by_their_steps(sample: Gateway) -> None:
    assert sample.post("/pipeline/spread").body["result"] == {"left": RESPONSE, "right": RESPONSE}


def test_a_failed_run_is_a_call_that_worked(sample: Gateway) -> None:
    answer = sample.post("/pipeline/breaks")
    assert (answer.status, answer.body["status"], answer.body["error"]) == (200, "failed", "no luck")
    assert answer.body["result"]["error"] == "no luck"


@pytest.mark.parametrize("query", ["?async=true", "?async=1", "?async"])
def test_a_synchronous_pipeline_need_not_be_waited_for(sample: Gateway, query: str) -> None:
    answer = sample.post(f"/pipeline/line{query}")
    assert (answer.status, answer.body["status"]) == (202, "queued")


def test_async_must_be_true_or_false(sample: Gateway) -> None:
    assert is_error(sample.post("/pipeline/line?async=perhaps"), 400, "bad_request")


def test_an_asynchronous_pipeline_may_be_waited_for(sample: Gateway) -> None:
    answer = sample.post("/pipeline/later?wait=20")
    assert (answer.status, answer.body["status"], answer.body["result"]) == (200, "succeeded", RESPONSE)


def test_a_run_past_its_timeout_goes_on_without_the_caller(sample: Gateway) -> None:
    answer = sample.post("/pipeline/slow", {"gate": "slow"})
    assert answer.status == 202
    assert answer.body == {
        "job_id": answer.body["job_id"],
        "status": "running",
        "timeout_exceeded": True,
        "message": "Pipeline still running after timeout.",
    }
    open_gate(sample, "slow")
    sample.until(lambda: sample.get(f"/job/{answer.body['job_id']}")["status"] == "succeeded")


def test_a_wait_that_is_asked_for_overrides_the_pipelines_timeout(sample: Gateway) -> None:
    open_gate(sample, "already")
    answer = sample.post("/pipeline/slow?wait=20", {"gate": "already"})
    assert (answer.status, answer.body["status"]) == (200, "succeeded")


def test_a_synchronous_pipeline_that_begins_with_a_split_is_waited_for(sample: Gateway) -> None:
    answer = sample.post("/pipeline/wide")
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert answer.body["result"] == {"left": RESPONSE, "right": RESPONSE}
    assert sample.post("/pipeline/wide?async=true").status == 202


def test_every_branch_of_a_split_is_waited_for_also_where_one_fails(sample: Gateway) -> None:
    early = sample.post("/pipeline/torn", {"gate": "torn"})
    assert (early.status, early.body["timeout_exceeded"]) == (202, True)
    assert sample.get(f"/job/{early.body['job_id']}")["status"] == "running"
    open_gate(sample, "torn")
    answer = sample.post("/pipeline/torn?wait=20", {"gate": "torn"})
    assert (answer.status, answer.body["status"], answer.body["error"]) == (200, "failed", "no luck")
    states = {row["step"]: row["status"] for row in answer.body["tree"]}
    assert states == {None: "failed", "bad": "failed", "deep": "succeeded", "gated": "succeeded"}
    sample.until(lambda: sample.get(f"/job/{early.body['job_id']}")["status"] == "failed")


@pytest.mark.parametrize(("pipeline", "step"), [("helper", "only"), ("caller", "sub/only")])
def test_a_pipeline_without_a_trigger_runs_when_it_is_called(sample: Gateway, pipeline: str, step: str) -> None:
    answer = sample.post(f"/pipeline/{pipeline}?wait=20", {"n": 1})
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert [row["step"] for row in answer.body["tree"]] == [None, step]
    assert answer.body["result"]["result"]["event"]["type"] == "api.trigger"
    definition = sample.get(f"/pipeline/{pipeline}")
    assert (definition["on"], definition["on_hook"]) == (None, None)
    again = sample.post(f"/job/{answer.body['job_id']}/retry")
    assert sample.until(lambda: sample.get(f"/job/{again.body['job_id']}")["status"] == "succeeded")


def test_a_path_may_name_keys_with_dots(sample: Gateway) -> None:
    payload = {
        "app.io/{name}": "web",
        "labels": {"app.io/tier": "front"},
        "list": [{"n": 1}],
        "at": "2026-01-01T00:00:00Z",
    }
    answer = sample.post("/pipeline/picky-keys", payload)
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    request = answer.body["result"]["result"]
    assert request["context"]["app.io/kept"] == "web"
    assert (request["event"]["payload"]["name"], request["event"]["payload"]["first"]) == ("is web", {"n": 1})
    passed = sample.post("/pipeline/picky-keys", {**payload, "labels": {"app.io/tier": "back"}})
    assert passed.body["tree"][1]["values"] == {'payload.labels["app.io/tier"]': "back"}


def test_times_and_lengths_decide_whether_a_step_runs(sample: Gateway) -> None:
    payload = {
        "app.io/{name}": "web",
        "labels": {"app.io/tier": "front"},
        "list": [1],
        "at": "2026-03-01T13:59:59+02:00",
    }
    assert sample.post("/pipeline/picky-keys", payload).body["tree"][1]["status"] == "succeeded"
    late = sample.post("/pipeline/picky-keys", {**payload, "at": "2026-03-01T08:00:00-04:00"})
    assert late.body["tree"][1]["status"] == "skipped"
    short = sample.post("/pipeline/picky-keys", {**payload, "list": []})
    assert short.body["tree"][1]["values"]["length(payload.list)"] == 0
    refused = sample.post("/pipeline/picky-keys", {**payload, "at": "yesterday"})
    assert is_error(refused, 400, "bad_entry")
    assert "needs a time with an offset, but there is text" in refused.body["message"]


def test_what_a_run_emits_is_always_routed_so_there_is_nothing_to_say_about_it(sample: Gateway) -> None:
    answer = sample.post("/pipeline/later", {"payload": {}, "route": False})
    assert is_error(answer, 400, "bad_request")
    assert "route" in answer.body["message"]


def test_a_priority_is_that_of_every_step(sample: Gateway) -> None:
    tree = sample.post("/pipeline/line", {"payload": {}, "priority": 9}).body["tree"]
    assert {sample.get(f"/job/{row['job_id']}")["priority"] for row in tree} == {9}


def test_a_client_that_leaves_a_synchronous_run_does_not_stop_it(sample: Gateway) -> None:
    body = json.dumps({"gate": "left"}).encode()
    with socket.create_connection(sample.address) as connection:
        connection.sendall(request_head("POST", "/pipeline/waits?wait=60", f"Content-Length: {len(body)}") + body)
        [run] = sample.until(lambda: sample.jobs(plugin="pipeline", command="waits"))
    open_gate(sample, "left")
    sample.until(lambda: sample.get(f"/job/{run['job_id']}")["status"] == "succeeded")


def test_a_tree_has_the_root_first_and_every_field_on_each_row(sample: Gateway) -> None:
    tree = sample.post("/pipeline/spread").body["tree"]
    assert all(set(row) >= TREE_ROW for row in tree)
    root = tree[0]
    assert (root["parent_job_id"], root["plugin"], root["command"], root["step"]) == (None, "pipeline", "spread", None)
    assert [row["step"] for row in tree[1:]] == ["step_1", "left", "right"]
    assert [row["parent_job_id"] for row in tree[1:]] == [root["job_id"], tree[1]["job_id"], tree[1]["job_id"]]
    assert all(datetime.fromisoformat(row["started_at"]) <= datetime.fromisoformat(row["completed_at"]) for row in tree)


def test_a_step_that_was_passed_by_is_a_row_that_says_why(sample: Gateway) -> None:
    answer = sample.post("/pipeline/gated?wait=20", {"payload": {"go": False}})
    [skipped] = [row for row in answer.body["tree"] if row["status"] == "skipped"]
    assert set(skipped) >= TREE_ROW
    assert (skipped["step"], skipped["job_id"], skipped["result"]) == ("maybe", None, None)
    assert skipped["condition"] == {"path": "payload.go", "op": "eq", "value": True}
    assert skipped["values"] == {"payload.go": False}


def cancelled(sample: Gateway, job_id: str) -> Answer:
    """Cancel it and wait for its end; the answer."""
    answer = sample.post(f"/job/{job_id}/cancel")
    sample.until(lambda: sample.get(f"/job/{job_id}")["status"] not in {"queued", "running"})
    return answer


def test_a_job_that_waits_is_cancelled_at_once_and_only_once(sample: Gateway) -> None:
    job_id = sample.post("/plugin/shell/handle", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    answer = sample.post(f"/job/{job_id}/cancel")
    assert (answer.status, answer.body) == (200, {"job_id": job_id, "status": "cancelled"})
    assert sample.get(f"/job/{job_id}")["attempt"] == 0
    assert is_error(sample.post(f"/job/{job_id}/cancel"), 409, "job_finished")


def test_a_running_job_is_cancelled_when_its_process_is_gone(sample: Gateway) -> None:
    job_id = sample.post("/plugin/gate/handle", {"gate": "never"}).body["job_id"]
    sample.until(lambda: sample.get(f"/job/{job_id}")["status"] == "running")
    answer = cancelled(sample, job_id)
    assert (answer.status, answer.body["status"]) == (202, "running")
    assert sample.get(f"/job/{job_id}")["status"] == "cancelled"


def test_a_run_is_cancelled_with_its_steps(sample: Gateway) -> None:
    job_id = sample.post("/pipeline/waits", {"gate": "never"}).body["job_id"]
    sample.until(lambda: sample.get(f"/job/{job_id}/tree")[-1]["status"] == "running")
    assert cancelled(sample, job_id).status == 202
    assert {row["status"] for row in sample.get(f"/job/{job_id}/tree")} == {"cancelled"}


@pytest.mark.parametrize("path", ["/plugin/shell/handle", "/pipeline/line?async=true"])
def test_a_cancel_that_races_with_the_end_tells_the_truth(sample: Gateway, path: str) -> None:
    for delay in range(25):
        job_id = sample.post(path).body["job_id"]
        for _ in range(delay):
            sample.get("/livez")
        answer = cancelled(sample, job_id)
        status = sample.get(f"/job/{job_id}")["status"]
        if answer.status == 409:
            assert answer.body["details"]["status"] == status == "succeeded"
        else:
            # 202 is a promise to stop what runs; what ends by itself before the stop reaches it has ended as it did.
            assert (answer.status, status) in {(200, "cancelled"), (202, "cancelled"), (202, "succeeded")}
        assert not {row["status"] for row in sample.get(f"/job/{job_id}/tree")} & {"queued", "running"}
