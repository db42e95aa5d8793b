"""`init` and `health`: what a plugin says of itself, and how the gateway tells it."""

from pathlib import Path
from typing import Any

import pytest
from support import scripted_plugins
from support.gateway import Gateway
from support.scripted_plugins import ScriptedPlugins

CHECKS = {**scripted_plugins.COMMANDS, "init": {"type": "write"}, "health": {"type": "read"}}


@pytest.fixture
def scripted(gateway: Gateway) -> ScriptedPlugins:
    """Actors that have checks."""
    scripted = ScriptedPlugins(gateway)
    gateway.plugin("actor", scripted_plugins.SCRIPT, CHECKS)
    gateway.plugin("plain", scripted_plugins.SCRIPT)
    return scripted


def inits(scripted: ScriptedPlugins, name: str | None = None) -> list[Any]:
    return [request for request in scripted.requests(name) if request["command"] == "init"]


def unhealthy(gateway: Gateway) -> list[Any]:
    found: list[Any] = gateway.get("/healthz")["plugins_unhealthy"]
    return found


def jobs(gateway: Gateway, plugin: str) -> list[Any]:
    return gateway.jobs(plugin=plugin, command="init")


def test_each_instance_is_initialized_once_for_what_it_is(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    scripted.add("one")
    scripted.add("two")
    scripted.add("off", settings={"enabled": False})
    scripted.start()
    gateway.until(lambda: len(inits(scripted)) == 2)
    gateway.idle()
    document = gateway.get(f"/job/{jobs(gateway, 'one')[0]['job_id']}")
    assert (document["submitted_by"], document["principal"]) == ("init", "init")
    assert (document["status"], document["max_attempts"]) == ("succeeded", 1)
    assert gateway.post("/system/reload").body["changed"] is False
    scripted.add("one", other=1)
    scripted.configure(service={"max_hops": 7})
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: len(inits(scripted, "one")) == 2)
    gateway.stop()
    gateway.start()
    gateway.idle()
    assert [request["instance"] for request in inits(scripted)].count("two") == 1
    assert len(inits(scripted, "one")) == 2
    assert not inits(scripted, "off")
    assert unhealthy(gateway) == []


def test_another_entrypoint_is_initialized_anew(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    scripted.add("one")
    scripted.start()
    gateway.until(lambda: inits(scripted, "one"))
    gateway.plugin("actor", f"{scripted_plugins.SCRIPT}# another\n", CHECKS)
    assert "plugins.one" in gateway.post("/system/reload").body["changes"]
    gateway.until(lambda: len(inits(scripted, "one")) == 2)


def test_a_failed_init_has_one_attempt_and_is_told_until_the_plugin_is_another(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    scripted.add(
        "one", status="error", error="no table", settings={"retry": {"max_attempts": 4, "backoff_base": "1ms"}}
    )
    scripted.start()
    [told] = gateway.until(lambda: unhealthy(gateway))
    job = jobs(gateway, "one")[0]
    assert told == {
        "plugin": "one",
        "command": "init",
        "reason": "no table",
        "since": gateway.get(f"/job/{job['job_id']}")["completed_at"],
        "job_id": job["job_id"],
    }
    assert job["status"] == "failed"
    assert gateway.get("/healthz")["status"] == "degraded"
    assert len(inits(scripted)) == 1
    gateway.stop()
    gateway.start()
    assert unhealthy(gateway) == [told]
    scripted.add("one")
    scripted.configure()
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: not unhealthy(gateway))
    assert gateway.get("/healthz")["status"] == "ok"


def test_a_reload_and_other_jobs_do_not_wait_for_it(scripted: ScriptedPlugins, tmp_path: Path) -> None:
    gateway = scripted.gateway
    gate = tmp_path / "open"
    scripted.add("one")
    scripted.start()
    gateway.until(lambda: inits(scripted, "one"))
    gateway.idle()
    scripted.add("one", wait_for=str(gate))
    scripted.configure()
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: jobs(gateway, "one")[0]["status"] == "running")
    assert gateway.run("one", "act", {"act": {"wait_for": "/"}})["status"] == "succeeded"
    gate.touch()
    gateway.idle()


def test_a_killed_gateway_neither_forgets_an_init_nor_starts_another_one(
    scripted: ScriptedPlugins, tmp_path: Path
) -> None:
    gateway = scripted.gateway
    gate = tmp_path / "open"
    scripted.add("runs", wait_for=str(gate))
    scripted.add("waits", settings={"parallelism": 1})
    scripted.start(service={"max_workers": 1})
    gateway.until(lambda: jobs(gateway, "runs") and jobs(gateway, "waits"))
    gateway.until(lambda: inits(scripted))
    gateway.kill()
    gate.touch()
    gateway.start()
    gateway.until(lambda: inits(scripted, "runs") and inits(scripted, "waits"))
    gateway.idle()
    for name in ("runs", "waits"):
        [job] = jobs(gateway, name)
        assert job["status"] == "succeeded"
        attempts = [request["attempt"] for request in inits(scripted, name)]
        assert attempts == sorted(set(attempts))


def test_a_plugin_that_is_quarantined_is_initialized_when_it_returns(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    home = gateway.plugin("actor", scripted_plugins.SCRIPT, CHECKS)
    scripted.add("one")
    (home / "run").chmod(0o644)
    scripted.start()
    assert jobs(gateway, "one") == []
    (home / "run").chmod(0o755)
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: inits(scripted, "one"))


def test_a_scheduled_health_check_tells_how_a_plugin_is(scripted: ScriptedPlugins, tmp_path: Path) -> None:
    gateway = scripted.gateway
    script = scripted_plugins.SCRIPT.replace("act = {", f'ill = os.path.exists("{tmp_path}/ill")\nact = {{').replace(
        "answer = {", 'answer = {"status": "error", "error": "out of reach"} if ill else {'
    )
    gateway.plugin("patient", script, CHECKS)
    every = {"every": "1s", "command": "health"}
    gateway.configure(plugins={"patient": {"schedules": [every], "retry": {"backoff_base": "1h"}}})
    gateway.start()
    gateway.until(lambda: gateway.jobs(plugin="patient", command="health", status="succeeded"))
    assert unhealthy(gateway) == []
    (tmp_path / "ill").touch()
    [told] = gateway.until(lambda: unhealthy(gateway))
    assert (told["plugin"], told["command"], told["reason"]) == ("patient", "health", "out of reach")
    assert gateway.get("/healthz")["status"] == "degraded"
    [again] = gateway.until(lambda: [one for one in unhealthy(gateway) if one["job_id"] != told["job_id"]])
    assert again["since"] == told["since"]
    (tmp_path / "ill").unlink()
    gateway.until(lambda: not unhealthy(gateway))
    assert gateway.get("/healthz")["status"] == "ok"
    assert {gateway.get(f"/job/{told['job_id']}")["max_attempts"]} == {1}


def test_a_plugin_that_is_gone_is_not_told(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    scripted.add("one", status="error", error="no")
    scripted.start()
    gateway.until(lambda: unhealthy(gateway))
    scripted.add("one", status="error", error="no", settings={"enabled": False})
    scripted.configure()
    assert gateway.post("/system/reload").status == 200
    assert unhealthy(gateway) == []


def test_a_check_that_is_asked_for_counts_too(scripted: ScriptedPlugins) -> None:
    gateway = scripted.gateway
    scripted.add("one")
    scripted.start()
    bad = {"act": {"status": "error", "error": "not now"}}
    assert gateway.run("one", "health", bad)["status"] == "failed"
    assert [one["reason"] for one in unhealthy(gateway)] == ["not now"]
    assert gateway.run("one", "health")["status"] == "succeeded"
    assert unhealthy(gateway) == []
