"""How a run behaves, one line of its contract a test, against a real gateway."""

from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway, alive
from support.scripted_plugins import ScriptedPlugins, raw_event, states_by_step


@pytest.fixture
def scripted(gateway: Gateway) -> ScriptedPlugins:
    return ScriptedPlugins(gateway)


def steps(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "uses": name} for name in names]


def test_a_run_is_a_root_that_no_lane_claims_with_its_steps_below(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    scripted.add("b")
    gateway = scripted.start({"name": "line", "on": "go", "steps": [{"uses": "a"}, {"uses": "b"}]})
    tree = gateway.run_pipeline("line", {"n": 1})
    assert states_by_step(tree) == {"line": ["succeeded"], "step_1": ["succeeded"], "step_2": ["succeeded"]}
    root = gateway.get(f"/job/{tree[0]['job_id']}")
    assert (root["plugin"], root["command"], root["attempt"]) == ("pipeline", "line", 0)
    assert [row["parent_job_id"] for row in tree] == [None, tree[0]["job_id"], tree[1]["job_id"]]


def test_a_run_started_over_the_api_has_its_pipelines_trigger_as_type(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    gateway = scripted.start({"name": "line", "on": "order.placed", "steps": steps("a")})
    gateway.run_pipeline("line", {"n": 1})
    [request] = scripted.requests("a")
    assert request["event"]["type"] == "order.placed"
    assert request["event"]["payload"]["n"] == 1


def test_a_call_is_inlined_and_carries_its_context_in_and_out(scripted: ScriptedPlugins) -> None:
    for name in ("a", "b", "c"):
        scripted.add(name)
    inner = {
        "name": "inner",
        "on": "inner",
        "steps": [{"id": "b", "uses": "b", "baggage": {"seen.b": "payload.result"}}],
    }
    outer = {
        "name": "outer",
        "on": "outer",
        "steps": [
            {"id": "a", "uses": "a", "baggage": {"seen.n": "payload.n"}},
            {"id": "in", "call": "inner"},
            {"id": "c", "uses": "c"},
        ],
    }
    gateway = scripted.start(inner, outer)
    tree = gateway.run_pipeline("outer", {"n": 7})
    assert list(states_by_step(tree)) == ["outer", "a", "in/b", "c"]
    [last] = scripted.requests("c")
    assert last["context"]["seen"] == {"n": 7, "b": "a"}


def test_each_event_that_leaves_a_split_goes_on_by_itself(scripted: ScriptedPlugins) -> None:
    for name in ("a", "b", "c", "d"):
        scripted.add(name)
    gateway = scripted.start(
        {"name": "fan", "on": "go", "steps": [*steps("a"), {"split": steps("b", "c")}, *steps("d")]}
    )
    found = states_by_step(gateway.run_pipeline("fan"))
    assert sorted(len(states) for states in found.values()) == [1, 1, 1, 1, 2]
    assert {request["event"]["source"] for request in scripted.requests("d")} == {"b", "c"}


def test_a_failed_step_ends_its_own_branch_and_the_run_ends_failed_with_its_error(scripted: ScriptedPlugins) -> None:
    scripted.add("bad", status="error", error="no luck", retry=False)
    scripted.add("good")
    scripted.add("after")
    gateway = scripted.start(
        {
            "name": "fan",
            "on": "go",
            "steps": [{"split": [{"steps": steps("bad", "after")}, {"id": "good", "uses": "good"}]}],
        }
    )
    tree = gateway.run_pipeline("fan")
    assert tree[0]["status"] == "failed"
    assert sorted(row["plugin"] for row in tree[1:]) == ["bad", "good"]
    assert "no luck" in gateway.get(f"/job/{tree[0]['job_id']}")["last_error"]


def test_a_step_that_waits_for_its_retry_keeps_the_run_open(scripted: ScriptedPlugins) -> None:
    scripted.add("flaky", fail_first=1, settings={"retry": {"max_attempts": 3, "backoff_base": "100ms"}})
    gateway = scripted.start({"name": "line", "on": "go", "steps": steps("flaky")})
    tree = gateway.run_pipeline("line")
    assert states_by_step(tree) == {"line": ["succeeded"], "flaky": ["succeeded"]}
    assert gateway.get(f"/job/{tree[1]['job_id']}")["attempt"] == 2


def test_an_emitted_event_goes_on_in_the_chain_and_starts_the_pipelines_that_are_on_it(
    scripted: ScriptedPlugins,
) -> None:
    scripted.add("a", events=[raw_event("thing.made", size=3)])
    scripted.add("b")
    scripted.add("c")
    gateway = scripted.start(
        {"name": "first", "on": "go", "steps": [{"id": "a", "uses": "a", "baggage": {"k": "payload.n"}}, *steps("b")]},
        {"name": "second", "on": "thing.made", "steps": steps("c")},
    )
    tree = gateway.run_pipeline("first", {"n": 1})
    gateway.idle()
    assert states_by_step(tree) == {"first": ["succeeded"], "a": ["succeeded"], "b": ["succeeded"]}
    [second] = gateway.jobs(plugin="pipeline", command="second")
    document = gateway.get(f"/job/{second['job_id']}")
    assert document["cause"]["job_id"] == tree[1]["job_id"]
    assert document["parent_job_id"] is None
    assert document["principal"] == "token:admin"
    assert document["submitted_by"] == "route"
    emitter = gateway.get(f"/job/{tree[1]['job_id']}")
    assert [start["job_id"] for start in emitter["started"]] == [second["job_id"]]
    [request] = scripted.requests("c")
    assert "k" not in request["context"]
    assert request["payload"]["ductile_upstream_plugin"] == "a"


def test_the_synthetic_event_of_a_silent_step_starts_nothing(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    scripted.add("b")
    scripted.add("c")
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": steps("a", "b")},
        routes=[{"from": "a", "event_type": "ductile.step.succeeded", "to": "c"}],
    )
    gateway.run_pipeline("line")
    gateway.idle()
    assert len(scripted.requests("b")) == 1
    assert gateway.jobs(plugin="c") == []


def test_a_route_delivers_an_event_to_a_handle_as_a_new_root(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[raw_event("made", x=1)])
    scripted.add("b")
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": steps("a")}, routes=[{"from": "a", "event_type": "made", "to": "b"}]
    )
    gateway.run_pipeline("line")
    gateway.idle()
    [job] = gateway.jobs(plugin="b")
    document = gateway.get(f"/job/{job['job_id']}")
    assert (document["parent_job_id"], document["submitted_by"]) == (None, "route")
    [request] = scripted.requests("b")
    assert request["event"]["type"] == "made"
    assert request["payload"]["x"] == 1


def test_a_plain_trigger_routes_what_it_emits_only_when_it_says_so(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[raw_event("made")])
    scripted.add("b")
    gateway = scripted.start({"name": "line", "on": "made", "steps": steps("b")})
    gateway.run("a", "act")
    gateway.idle()
    assert gateway.jobs(plugin="pipeline") == []
    answer = gateway.post("/plugin/a/act?wait=10", {"payload": {}, "route": True})
    assert answer.status == 200
    gateway.idle()
    assert len(gateway.jobs(plugin="pipeline")) == 1


def test_dedupe_keys_apply_to_starts_and_never_inside_a_run(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[{**raw_event("made"), "dedupe_key": "one"}, {**raw_event("made"), "dedupe_key": "one"}])
    scripted.add("b")
    scripted.add("c")
    gateway = scripted.start(
        {"name": "first", "on": "go", "steps": steps("a", "b")}, {"name": "second", "on": "made", "steps": steps("c")}
    )
    tree = gateway.run_pipeline("first")
    gateway.idle()
    assert states_by_step(tree)["b"] == ["succeeded", "succeeded"]
    assert len(gateway.jobs(plugin="pipeline", command="second")) == 1


def test_cancelling_a_run_kills_its_processes_and_ends_what_waits(scripted: ScriptedPlugins, tmp_path: Path) -> None:
    scripted.add("slow", wait_for=str(tmp_path / "never"))
    scripted.add("after")
    gateway = scripted.start(
        {
            "name": "line",
            "on": "go",
            "steps": [{"split": [{"id": "one", "uses": "slow"}, {"id": "two", "uses": "slow"}]}, *steps("after")],
        },
        service={"max_workers": 1},
    )
    job = gateway.post("/pipeline/line", {}).body["job_id"]
    [request] = gateway.until(lambda: scripted.requests("slow"))
    answer = gateway.post(f"/job/{job}/cancel")
    assert answer.status == 202
    gateway.until(lambda: gateway.get(f"/job/{job}")["status"] == "cancelled")
    assert {row["status"] for row in gateway.get(f"/job/{job}/tree")} == {"cancelled"}
    assert not alive(request["pid"])
    assert gateway.post(f"/job/{job}/cancel").status == 409


def test_cancelling_a_step_counts_as_its_failure(scripted: ScriptedPlugins, tmp_path: Path) -> None:
    scripted.add("slow", wait_for=str(tmp_path / "never"))
    scripted.add("good")
    gateway = scripted.start({"name": "fan", "on": "go", "steps": [{"split": [*steps("slow"), *steps("good")]}]})
    run = gateway.post("/pipeline/fan", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("slow"))
    [step] = [row for row in gateway.get(f"/job/{run}/tree") if row["step"] == "slow"]
    gateway.post(f"/job/{step['job_id']}/cancel")
    gateway.until(lambda: gateway.get(f"/job/{run}")["status"] == "failed")
    assert states_by_step(gateway.get(f"/job/{run}/tree")) == {
        "fan": ["failed"],
        "slow": ["cancelled"],
        "good": ["succeeded"],
    }


def test_jobs_of_a_plugin_that_vanishes_are_held_and_come_back_with_it(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    gateway = scripted.start()
    gateway.post("/system/pause")
    job = gateway.post("/plugin/a/act", {}).body["job_id"]
    entry = gateway.config["plugins"].pop("a")
    gateway.configure()
    assert gateway.post("/system/reload").status == 200
    gateway.post("/system/resume")
    held = gateway.until(lambda: (d := gateway.get(f"/job/{job}"))["status"] == "held" and d)
    assert held["held_reason"] == "plugin_unavailable"
    gateway.configure(plugins={"a": entry})
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: gateway.get(f"/job/{job}")["status"] == "succeeded")


def test_a_false_if_bypasses_its_step_with_the_same_event_and_the_tree_says_why(scripted: ScriptedPlugins) -> None:
    for name in ("a", "b", "c"):
        scripted.add(name)
    condition = {"path": "payload.kind", "op": "eq", "value": "video"}
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": [*steps("a"), {"id": "b", "uses": "b", "if": condition}, *steps("c")]}
    )
    tree = gateway.run_pipeline("line", {"kind": "text"})
    assert states_by_step(tree) == {"line": ["succeeded"], "a": ["succeeded"], "b": ["skipped"], "c": ["succeeded"]}
    [skipped] = [row for row in tree if row["status"] == "skipped"]
    assert skipped["condition"] == condition
    assert skipped["values"] == {"payload.kind": None}


def test_if_sees_the_payload_before_the_context_merge_and_with_sees_the_merged_one(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[raw_event("made", own=1)])
    scripted.add("b")
    gateway = scripted.start(
        {
            "name": "line",
            "on": "go",
            "steps": [
                {"id": "a", "uses": "a", "baggage": {"inherited": "payload.n"}},
                {"id": "b", "uses": "b", "if": {"path": "payload.inherited", "op": "exists"}},
                {"id": "c", "uses": "b", "with": {"copy": "{payload.inherited}"}},
            ],
        }
    )
    tree = gateway.run_pipeline("line", {"n": 5})
    assert states_by_step(tree) == {"line": ["succeeded"], "a": ["succeeded"], "b": ["skipped"], "c": ["succeeded"]}
    assert scripted.requests("b")[0]["payload"]["copy"] == 5


def test_config_in_an_if_is_that_of_the_gated_steps_plugin(scripted: ScriptedPlugins) -> None:
    scripted.add("a", mode="off")
    scripted.add("b", mode="on")
    condition = {"path": "config.mode", "op": "eq", "value": "on"}
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": [{"id": n, "uses": n, "if": condition} for n in ("a", "b")]}
    )
    assert states_by_step(gateway.run_pipeline("line")) == {"line": ["succeeded"], "a": ["skipped"], "b": ["succeeded"]}


def test_a_condition_on_another_type_fails_the_gated_step_without_an_attempt(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    scripted.add("b")
    condition = {"path": "payload.n", "op": "gt", "value": 3}
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": [*steps("a"), {"id": "b", "uses": "b", "if": condition}]}
    )
    scripted.add("a")
    tree = gateway.run_pipeline("line", {"act": {"events": [raw_event("made", n="four")]}})
    assert states_by_step(tree) == {"line": ["failed"], "a": ["succeeded"], "b": ["failed"]}
    assert gateway.get(f"/job/{tree[2]['job_id']}")["attempt"] == 0
    assert scripted.requests("b") == []


def test_max_depth_ends_a_branch_with_a_row_that_says_so(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    gateway = scripted.start(
        {"name": "line", "on": "go", "max_depth": 2, "steps": [{"uses": "a"}, {"uses": "a"}, {"uses": "a"}]}
    )
    tree = gateway.run_pipeline("line")
    assert states_by_step(tree) == {
        "line": ["succeeded"],
        "step_1": ["succeeded"],
        "step_2": ["succeeded"],
        "step_3": ["skipped"],
    }
    assert tree[-1]["reason"] == "max_depth"


def test_a_loop_of_events_ends_at_max_hops_with_a_failed_start_that_names_it(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[raw_event("again")])
    gateway = scripted.start({"name": "loop", "on": "again", "steps": steps("a")}, service={"max_hops": 3})
    gateway.post("/pipeline/loop", {})
    gateway.until(lambda: gateway.jobs(plugin="pipeline", status="failed"))
    gateway.idle()
    runs = gateway.jobs(plugin="pipeline", command="loop")
    assert [run["status"] for run in runs] == ["failed", "succeeded", "succeeded", "succeeded", "succeeded"]
    error = gateway.get(f"/job/{runs[0]['job_id']}")["last_error"]
    assert "max_hops" in error
    assert error.endswith(": pipeline loop → again → pipeline loop")


def test_a_hook_fires_for_a_root_whose_plugin_asked_for_it_and_its_runs_fire_none(scripted: ScriptedPlugins) -> None:
    scripted.add("quiet", status="error", error="nobody hears", retry=False)
    scripted.add("loud", status="error", error="disk full", retry=False, settings={"notify_on_complete": True})
    scripted.add("alert", settings={"notify_on_complete": True})
    gateway = scripted.start({"name": "alarm", "on-hook": "job.failed", "steps": steps("alert")})
    gateway.run("quiet", "act")
    job = gateway.run("loud", "act")["job_id"]
    [request] = gateway.until(lambda: scripted.requests("alert"))
    gateway.idle()
    assert request["event"]["type"] == "job.failed"
    assert request["payload"]["job_id"] == job
    assert request["payload"]["text"] == request["payload"]["message"] == "Job failed [loud]: disk full"
    assert len(gateway.jobs(plugin="pipeline", command="alarm")) == 1


def test_a_hook_on_failures_hears_of_a_job_whose_attempts_are_used_up(scripted: ScriptedPlugins) -> None:
    retry = {"max_attempts": 2, "backoff_base": "1ms"}
    scripted.add("loud", status="error", error="disk full", settings={"notify_on_complete": True, "retry": retry})
    scripted.add("alert")
    gateway = scripted.start({"name": "alarm", "on-hook": "job.failed", "steps": steps("alert")})
    gateway.run("loud", "act")
    [request] = gateway.until(lambda: scripted.requests("alert"))
    assert (request["event"]["type"], request["payload"]["status"]) == ("job.failed", "dead")


def test_a_run_fires_a_hook_that_speaks_of_its_failed_step(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    scripted.add("loud", status="error", error="disk full", retry=False, settings={"notify_on_complete": True})
    scripted.add("alert")
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": steps("a", "loud")},
        {"name": "alarm", "on-hook": "job.completed", "from_plugin": "loud", "steps": steps("alert")},
    )
    run = gateway.run_pipeline("line")[0]["job_id"]
    [request] = gateway.until(lambda: scripted.requests("alert"))
    assert {key: request["payload"][key] for key in ("job_id", "plugin", "command", "status", "error")} == {
        "job_id": run,
        "plugin": "loud",
        "command": "handle",
        "status": "failed",
        "error": "disk full",
    }


def test_a_run_under_way_keeps_its_definition_over_a_reload(scripted: ScriptedPlugins, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    scripted.add("slow", wait_for=str(gate))
    scripted.add("old")
    scripted.add("new")
    gateway = scripted.start({"name": "line", "on": "go", "steps": steps("slow", "old")})
    run = gateway.post("/pipeline/line", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("slow"))
    scripted.configure({"name": "line", "on": "go", "steps": steps("slow", "new")})
    assert gateway.post("/system/reload").status == 200
    gate.touch()
    gateway.until(lambda: gateway.get(f"/job/{run}")["status"] == "succeeded")
    assert list(states_by_step(gateway.get(f"/job/{run}/tree"))) == ["line", "slow", "old"]
    assert list(states_by_step(gateway.run_pipeline("line"))) == ["line", "slow", "new"]


def test_from_plugin_and_a_pipeline_level_if_select_what_starts(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[raw_event("made", n=1)])
    scripted.add("b", events=[raw_event("made", n=2)])
    scripted.add("c")
    on = {"on": "made", "steps": steps("c")}
    gateway = scripted.start(
        {"name": "from-a", "from_plugin": "a", **on},
        {"name": "big", "if": {"path": "payload.n", "op": "gte", "value": 2}, **on},
        {"name": "odd", "if": {"path": "payload.n", "op": "contains", "value": "x"}, **on},
    )
    for plugin in ("a", "b"):
        assert gateway.post(f"/plugin/{plugin}/act?wait=10", {"payload": {}, "route": True}).status == 200
    gateway.idle()
    assert sorted(job["command"] for job in gateway.jobs(plugin="pipeline")) == ["big", "from-a"]


def test_baggage_that_is_not_there_or_that_changes_fails_the_step(scripted: ScriptedPlugins) -> None:
    scripted.add("a", events=[raw_event("made", n=2)])
    scripted.add("b")
    claim = {"k": "payload.n"}
    gateway = scripted.start(
        {
            "name": "change",
            "on": "go",
            "steps": [{"id": "a", "uses": "a", "baggage": claim}, {"id": "b", "uses": "b", "baggage": claim}],
        },
        {
            "name": "missing",
            "on": "go2",
            "steps": [{"id": "a", "uses": "a"}, {"id": "b", "uses": "b", "baggage": {"k": "payload.absent"}}],
        },
    )
    for name, payload in (("change", {"n": 1}), ("missing", {})):
        tree = gateway.run_pipeline(name, payload)
        assert states_by_step(tree) == {name: ["failed"], "a": ["succeeded"], "b": ["failed"]}
    assert states_by_step(gateway.run_pipeline("change", {"n": 2})) == {
        "change": ["succeeded"],
        "a": ["succeeded"],
        "b": ["succeeded"],
    }


def test_with_on_a_missing_path_fails_the_job(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": [{"id": "a", "uses": "a", "with": {"x": "{payload.y}"}}]}
    )
    tree = gateway.run_pipeline("line")
    assert states_by_step(tree) == {"line": ["failed"], "a": ["failed"]}
    assert "payload.y" in gateway.get(f"/job/{tree[1]['job_id']}")["last_error"]
