"""What runs promise at their edges: later starts, cancels, reloads, deaths; against a real gateway."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway, alive
from support.scripted_plugins import ScriptedPlugins, raw_event, states_by_step

SECRET = "s3cr3t-of-the-house"


@pytest.fixture
def scripted(gateway: Gateway) -> ScriptedPlugins:
    return ScriptedPlugins(gateway)


def steps(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "uses": name} for name in names]


def ask(gateway: Gateway, sql: str) -> list[tuple[Any, ...]]:
    """What stands in the database."""
    with closing(sqlite3.connect(f"file:{gateway.folder}/state.db?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def rfc3339(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_no_step_of_a_later_run_starts_before_its_time(scripted: ScriptedPlugins) -> None:
    scripted.add("a")
    scripted.add("b")
    gateway = scripted.start({"name": "line", "on": "go", "steps": steps("a", "b")})
    begin = time.time() + 1.0
    later = gateway.post("/pipeline/line", {"payload": {}, "run_at": rfc3339(1.0)}).body["job_id"]
    never = gateway.post("/pipeline/line", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    gateway.until(lambda: gateway.get(f"/job/{later}")["status"] == "succeeded")
    assert ask(gateway, "SELECT min(started_at) FROM attempts")[0][0] >= begin * 1000 - 1
    [_, waiting] = gateway.get(f"/job/{never}/tree")
    assert (waiting["status"], waiting["attempt"]) == ("queued", 0)
    assert gateway.post(f"/job/{never}/cancel").status == 200
    assert {row["status"] for row in gateway.get(f"/job/{never}/tree")} == {"cancelled"}


def test_what_a_cancelled_run_has_started_goes_on(scripted: ScriptedPlugins, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    scripted.add("a", events=[raw_event("made")])
    scripted.add("stuck", wait_for=str(tmp_path / "never"))
    scripted.add("c", wait_for=str(gate))
    gateway = scripted.start(
        {"name": "first", "on": "go", "steps": steps("a", "stuck")},
        {"name": "second", "on": "made", "steps": steps("c")},
    )
    run = gateway.post("/pipeline/first", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("stuck") and scripted.requests("c"))
    gateway.post(f"/job/{run}/cancel")
    gateway.until(lambda: gateway.get(f"/job/{run}")["status"] == "cancelled")
    [second] = gateway.jobs(plugin="pipeline", command="second")
    assert second["status"] == "running"
    gate.touch()
    gateway.until(lambda: gateway.get(f"/job/{second['job_id']}")["status"] == "succeeded")


def test_a_run_that_is_being_cancelled_when_the_gateway_dies_is_cancelled_at_the_next_start(
    gateway: Gateway, tmp_path: Path
) -> None:
    script = f"#!/bin/sh\ntrap '' TERM\necho $$ > {tmp_path}/pid\nwhile :; do sleep 0.05; done\n"
    gateway.plugin("deaf", script)
    gateway.plugin("after", "#!/bin/sh\n")
    gateway.configure(
        pipelines=[{"name": "line", "on": "go", "steps": steps("deaf", "after")}], service={"kill_grace": "60s"}
    )
    gateway.start()
    run = gateway.post("/pipeline/line", {}).body["job_id"]
    gateway.until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    assert gateway.post(f"/job/{run}/cancel").status == 202
    assert gateway.get(f"/job/{run}")["cancel_requested_at"]
    gateway.kill()
    gateway.start()
    assert not alive(int((tmp_path / "pid").read_text()))
    assert states_by_step(gateway.get(f"/job/{run}/tree")) == {"line": ["cancelled"], "deaf": ["cancelled"]}


def test_later_steps_of_a_run_use_the_configuration_of_their_own_time(
    scripted: ScriptedPlugins, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    scripted.add("slow", wait_for=str(gate))
    scripted.add("b", mode="old")
    line = {"name": "line", "on": "go", "steps": steps("slow", "b")}
    gateway = scripted.start(line)
    run = gateway.post("/pipeline/line", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("slow"))
    scripted.add("b", mode="new")
    scripted.configure(line)
    assert gateway.post("/system/reload").status == 200
    gate.touch()
    gateway.until(lambda: gateway.get(f"/job/{run}")["status"] == "succeeded")
    assert scripted.requests("b")[0]["config"]["mode"] == "new"


def test_a_run_whose_pipeline_is_gone_ends_by_its_definition_even_after_a_death(
    scripted: ScriptedPlugins, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    scripted.add("slow", wait_for=str(gate))
    scripted.add("b")
    gateway = scripted.start({"name": "line", "on": "go", "steps": steps("slow", "b")})
    run = gateway.post("/pipeline/line", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("slow"))
    scripted.configure()
    assert gateway.post("/system/reload").status == 200
    gateway.kill()
    gate.touch()
    gateway.start()
    gateway.until(lambda: gateway.get(f"/job/{run}")["status"] == "succeeded")
    assert list(states_by_step(gateway.get(f"/job/{run}/tree"))) == ["line", "slow", "b"]


def test_a_step_of_a_vanished_plugin_is_held_with_its_run_and_comes_back(
    scripted: ScriptedPlugins, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    scripted.add("slow", wait_for=str(gate))
    scripted.add("b")
    gateway = scripted.start({"name": "line", "on": "go", "steps": steps("slow", "b")})
    run = gateway.post("/pipeline/line", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("slow"))
    there = gateway.config["plugins"]["b"]
    gateway.configure(plugins={"b": {**there, "enabled": False}})
    assert gateway.post("/system/reload").status == 200
    gate.touch()
    gateway.until(lambda: states_by_step(gateway.get(f"/job/{run}/tree")).get("b") == ["held"])
    assert gateway.get(f"/job/{run}")["status"] == "running"
    gateway.kill()
    gateway.start()
    assert states_by_step(gateway.get(f"/job/{run}/tree"))["b"] == ["held"]
    gateway.configure(plugins={"b": there})
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: gateway.get(f"/job/{run}")["status"] == "succeeded")


def test_a_cancelled_job_completes_and_a_run_that_succeeds_speaks_through_its_last_step(
    scripted: ScriptedPlugins, tmp_path: Path
) -> None:
    scripted.add("a")
    scripted.add("loud", settings={"notify_on_complete": True})
    scripted.add("stuck", wait_for=str(tmp_path / "never"), settings={"notify_on_complete": True})
    scripted.add("note")
    condition = {"path": "payload.attempt", "op": "contains", "value": "x"}
    gateway = scripted.start(
        {"name": "line", "on": "go", "steps": steps("a", "loud")},
        {"name": "done", "on-hook": "job.completed", "steps": steps("note")},
        {"name": "odd", "on-hook": "job.completed", "if": condition, "steps": steps("note")},
    )
    run = gateway.run_pipeline("line")[0]["job_id"]
    [told] = gateway.until(lambda: scripted.requests("note"))
    job = gateway.post("/plugin/stuck/act", {}).body["job_id"]
    gateway.until(lambda: scripted.requests("stuck"))
    gateway.post(f"/job/{job}/cancel")
    [_, second] = gateway.until(lambda: len(scripted.requests("note")) == 2 and scripted.requests("note"))
    assert [told["payload"][key] for key in ("job_id", "plugin", "status")] == [run, "loud", "succeeded"]
    assert [second["payload"][key] for key in ("job_id", "plugin", "status")] == [job, "stuck", "cancelled"]
    noted = ask(gateway, "SELECT job_id, data FROM journal WHERE kind = 'pipeline.condition_undecided' ORDER BY seq")
    assert [row[0] for row in noted] == [run, job]
    assert all("payload.attempt" in json.loads(row[1])["reason"] for row in noted)


def test_a_routed_payload_that_breaks_a_schema_is_warned_of_without_its_secrets(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    gateway.plugin(
        "strict",
        """#!/bin/sh\ncat > /dev/null\necho '{"status": "ok", "result": 1}'\n""",
        {"handle": {"input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
    )
    scripted.add("a", events=[raw_event("made", n=SECRET)], api_key=SECRET)
    scripted.configure({"name": "line", "on": "go", "steps": steps("a", "strict")})
    gateway.start()
    tree = gateway.run_pipeline("line")
    assert states_by_step(tree) == {"line": ["succeeded"], "a": ["succeeded"], "strict": ["succeeded"]}
    [warning] = gateway.get(f"/job/{tree[2]['job_id']}")["result"]["logs"]
    assert warning["level"] == "warning"
    assert "/n" in warning["message"]
    assert "[REDACTED]" in warning["message"]
    for table, columns in (("attempts", "result || error || logs || stderr"), ("journal", "data")):
        assert ask(gateway, f"SELECT 1 FROM {table} WHERE instr(coalesce({columns}, ''), '{SECRET}')") == []
    assert gateway.post("/plugin/strict/handle", {"payload": {"n": "x"}}).status == 400


def test_a_copy_of_a_state_folder_neither_kills_nor_runs_the_originals_plugins_anew(
    gateway: Gateway, tmp_path: Path
) -> None:
    scripted = ScriptedPlugins(gateway)
    gate = tmp_path / "open"
    scripted.add("slow", wait_for=str(gate))
    scripted.start()
    job = gateway.post("/plugin/slow/act", {}).body["job_id"]
    [request] = gateway.until(lambda: scripted.requests("slow"))
    copy = Gateway(tmp_path / "copy")
    cast_of_copy = ScriptedPlugins(copy)
    cast_of_copy.add("slow")
    for file in gateway.folder.glob("state.db*"):
        (copy.folder / file.name).write_bytes(file.read_bytes())
    try:
        cast_of_copy.start()
        assert alive(request["pid"])
        copy.until(lambda: copy.get(f"/job/{job}")["status"] == "succeeded")
        gate.touch()
        gateway.until(lambda: gateway.get(f"/job/{job}")["status"] == "succeeded")
        assert gateway.get(f"/job/{job}")["attempt"] == 1
    finally:
        copy.close()
