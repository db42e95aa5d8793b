"""Starting ended jobs and runs again over HTTP."""

import pytest
from support.gateway import Gateway
from support.sample_gateway import UUID, is_error, open_gate, token_of

NOBODY = "01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70"


def test_an_ended_job_is_started_again_as_a_new_one_linked_to_it(sample: Gateway) -> None:
    old = sample.post("/plugin/echo/act?wait=20", {"payload": {"a": 1}, "priority": 7, "dedupe_key": "once"}).body
    answer = sample.post(f"/job/{old['job_id']}/retry", token=token_of("canceller"))
    assert answer.status == 202
    assert set(answer.body) == {"job_id", "status", "plugin", "command", "retry_of"}
    assert (answer.body["status"], answer.body["plugin"], answer.body["command"]) == ("queued", "echo", "act")
    assert answer.body["retry_of"] == old["job_id"] != answer.body["job_id"]
    assert UUID.fullmatch(answer.body["job_id"])
    assert answer.headers["location"] == f"/job/{answer.body['job_id']}"
    new = sample.get(f"/job/{answer.body['job_id']}?wait=20")
    assert (new["status"], new["retry_of"], new["priority"]) == ("succeeded", old["job_id"], 7)
    assert (new["principal"], new["submitted_by"]) == ("token:canceller", "api")
    assert new["result"]["result"]["payload"] == {"a": 1}
    assert "retry_of" not in old
    assert sample.get(f"/job/{old['job_id']}") == old


def test_a_handle_gets_the_very_event_again(sample: Gateway) -> None:
    old = sample.run("echo", "handle", {"word": "x"})
    new_id = sample.post(f"/job/{old['job_id']}/retry").body["job_id"]
    new = sample.get(f"/job/{new_id}?wait=20")
    assert new["result"]["result"]["event"] == old["result"]["result"]["event"]


def test_a_failed_job_can_be_started_again_and_again(sample: Gateway) -> None:
    job_id = sample.run("fail", "handle")["job_id"]
    made = [sample.post(f"/job/{job_id}/retry").body["job_id"] for _ in range(2)]
    again = sample.post(f"/job/{sample.get(f'/job/{made[0]}?wait=20')['job_id']}/retry").body
    assert again["retry_of"] == made[0]
    assert len({job_id, *made, again["job_id"]}) == 4


def test_a_job_that_an_event_started_is_started_again_with_that_event(sample: Gateway) -> None:
    emitter = sample.post("/plugin/emit/handle?wait=20", {"payload": {}, "route": True}).body
    run_id = sample.get(f"/job/{emitter['job_id']}")["started"][0]["job_id"]
    old = sample.get(f"/job/{run_id}?wait=20")
    new = sample.get(f"/job/{sample.post(f'/job/{run_id}/retry').body['job_id']}?wait=20")
    assert new["cause"] == old["cause"]
    assert (new["command"], new["status"], new["retry_of"]) == ("made", "succeeded", run_id)


def test_a_run_is_started_again_whole_also_by_one_of_its_steps(sample: Gateway) -> None:
    tree = sample.run_pipeline("line", {"a": 1})
    for row in (tree[0], tree[2]):
        answer = sample.post(f"/job/{row['job_id']}/retry")
        assert (answer.status, answer.body["plugin"], answer.body["command"]) == (202, "pipeline", "line")
        assert answer.body["retry_of"] == tree[0]["job_id"]
        root = sample.get(f"/job/{answer.body['job_id']}?wait=20")
        assert (root["status"], root["retry_of"]) == ("succeeded", tree[0]["job_id"])
        steps = [step["step"] for step in sample.get(f"/job/{root['job_id']}/tree")]
        assert steps == [None, "first", "last"]


def test_what_has_not_ended_is_not_started_again(sample: Gateway) -> None:
    job_id = sample.post("/plugin/gate/handle", {"gate": "retried"}).body["job_id"]
    waits = sample.post("/plugin/gate/handle", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    run_id = sample.post("/pipeline/waits", {"gate": "retried"}).body["job_id"]
    step_id = sample.get(f"/job/{run_id}/tree")[1]["job_id"]
    sample.until(lambda: sample.get(f"/job/{step_id}")["status"] == "running")
    for one in (job_id, waits, run_id, step_id):
        assert is_error(sample.post(f"/job/{one}/retry"), 409, "job_unfinished")
    open_gate(sample, "retried")
    assert sample.get(f"/job/{job_id}?wait=20")["status"] == "succeeded"


@pytest.mark.parametrize("job_id", [NOBODY, "none", "%00"])
def test_what_is_no_job_is_not_started_again(sample: Gateway, job_id: str) -> None:
    assert is_error(sample.post(f"/job/{job_id}/retry"), 404, "unknown_job")


def test_the_scope_is_jobs_rw(sample: Gateway) -> None:
    job_id = sample.run("shell", "handle")["job_id"]
    for name in ("reader", "writer"):
        refused = sample.post(f"/job/{job_id}/retry", token=token_of(name))
        assert is_error(refused, 403, "forbidden")
        assert refused.body["details"]["required_scopes"] == ["jobs:rw"]


def test_the_same_idempotency_key_starts_it_again_once(sample: Gateway) -> None:
    job_id = sample.run("shell", "handle")["job_id"]
    key = {"Idempotency-Key": "again"}
    made = {sample.post(f"/job/{job_id}/retry", headers=key).body["job_id"] for _ in range(3)}
    assert len(made) == 1


def test_what_has_vanished_since_answers_as_a_trigger_does(sample: Gateway) -> None:
    sample.plugin(
        "mayfly", '#!/bin/sh\ncat >/dev/null\necho \'{"status":"ok","result":1}\'\n', {"handle": {}, "sit": {}}
    )
    sample.configure(
        pipelines=[*sample.config["pipelines"], {"name": "brief", "on": "b", "steps": [{"uses": "shell"}]}]
    )
    assert sample.post("/system/reload").status == 200
    jobs = {name: sample.run("mayfly", name)["job_id"] for name in ("handle", "sit")}
    jobs["run"] = sample.run_pipeline("brief")[0]["job_id"]
    sample.plugin("mayfly", "#!/bin/sh\n", {"handle": {}})
    sample.configure(pipelines=sample.config["pipelines"][:-1])
    assert sample.post("/system/reload").status == 200
    assert is_error(sample.post(f"/job/{jobs['sit']}/retry"), 404, "unknown_command")
    assert is_error(sample.post(f"/job/{jobs['run']}/retry"), 404, "unknown_pipeline")
    sample.configure(plugins={"mayfly": {"enabled": False}})
    assert sample.post("/system/reload").status == 200
    assert is_error(sample.post(f"/job/{jobs['handle']}/retry"), 503, "plugin_unavailable")
