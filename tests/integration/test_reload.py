"""Reload: build all, swap one reference; nothing is dropped and a bad one never hurts."""

import http.client
import json
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest
from support.gateway import TOKEN, Gateway
from support.scripted_plugins import ScriptedPlugins

NOOP = """#!/bin/sh
cat > /dev/null
echo '{"status": "ok", "result": "done"}'
"""


@pytest.fixture
def running(gateway: Gateway) -> Gateway:
    gateway.plugin("noop", NOOP)
    gateway.configure(plugins={"noop": {"config": {"n": 0}}})
    return gateway.start()


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Clients:
    """Callers that go on until told otherwise; every answer is counted, a dropped connection too."""

    def __init__(self, gateway: Gateway, count: int) -> None:
        self._gateway = gateway
        self._over = threading.Event()
        self.seen: Counter[object] = Counter()
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _call(self) -> None:
        connection = http.client.HTTPConnection(*self._gateway.address, timeout=10)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        while not self._over.is_set():
            try:
                connection.request("POST", "/plugin/noop/handle", b'{"payload": {}}', headers)
                response = connection.getresponse()
                response.read()
                self.seen[response.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.seen[type(error).__name__] += 1
                connection.close()
        connection.close()

    def finish(self) -> Counter[object]:
        self._over.set()
        for thread in self._threads:
            thread.join(15)
        return self.seen


def test_thirty_reloads_under_load_drop_no_request(running: Gateway) -> None:
    process = running.process
    assert process is not None
    open_before = open_files(process.pid)
    clients = Clients(running, 4)
    for n in range(1, 31):
        if n % 2:
            running.configure(plugins={"noop": {"config": {"n": n}}})
            assert running.post("/system/reload").status == 200
        else:
            running.configure(plugins={"noop": {"config": {"n": n}, "exekution": True}})
            assert running.post("/system/reload").status == 422
            running.configure(plugins={"noop": {"config": {"n": n - 1}}})
    seen = clients.finish()
    assert set(seen) == {202}
    assert seen[202] > 30
    assert running.get("/healthz")["generation"] == 16
    running.idle()
    assert open_files(process.pid) <= open_before + 5


def test_an_unchanged_configuration_keeps_its_generation(running: Gateway) -> None:
    before = running.get("/healthz")
    answer = running.post("/system/reload")
    assert answer.status == 200
    assert answer.body["status"] == "ok"
    assert answer.body["message"] == "Configuration reloaded successfully."
    assert answer.body["generation"] == before["generation"]
    assert answer.body["config_hash"] == before["config_hash"]
    assert answer.body["changes"] == []


def test_a_reload_says_what_changed(running: Gateway) -> None:
    running.configure(plugins={"noop": {"config": {"n": 1}}}, service={"max_hops": 7})
    body = running.post("/system/reload").body
    assert body["generation"] == 2
    assert {"plugins.noop", "service"} <= set(body["changes"])


def test_a_bad_configuration_is_refused_with_every_place_and_the_old_one_serves(running: Gateway) -> None:
    running.configure(
        service={"max_worker": 3}, pipelines=[{"name": "x", "on": "y", "steps": [{"uses": "nooop"}]}], api={"listn": 1}
    )
    answer = running.post("/system/reload")
    assert answer.status == 422
    assert answer.body["error"] == "invalid_configuration"
    errors = answer.body["details"]["errors"]
    assert [error["code"] for error in errors] == ["unknown_key", "unknown_key", "unknown_plugin"] or len(errors) == 3
    assert all(error["file"].endswith("config.yaml") and error["line"] and error["column"] for error in errors)
    assert "max_workers" in json.dumps(errors)
    health = running.get("/healthz")
    assert health["generation"] == 1
    assert health["last_reload_error"]["errors"]
    assert running.run("noop", "handle")["status"] == "succeeded"
    del running.config["service"]["max_worker"], running.config["pipelines"], running.config["api"]["listn"]
    running.configure(service={"max_hops": 5})
    assert running.post("/system/reload").body["generation"] == 2
    assert running.get("/healthz")["last_reload_error"] is None


def test_a_change_that_needs_a_restart_is_refused_whole(running: Gateway) -> None:
    running.configure(api={"listen": "127.0.0.1:1"}, state={"path": "./other.db"}, service={"max_hops": 3})
    answer = running.post("/system/reload")
    assert answer.status == 422
    assert answer.body["error"] == "restart_required"
    assert answer.body["details"]["keys"] == ["api.listen", "state.path"]
    assert running.get("/healthz")["generation"] == 1


def test_sighup_reloads(running: Gateway) -> None:
    running.configure(service={"max_hops": 9})
    running.signal(signal.SIGHUP)
    running.until(lambda: running.get("/healthz")["generation"] == 2)
    (running.folder / "config.yaml").write_text("service: [\n")
    running.signal(signal.SIGHUP)
    running.until(lambda: running.get("/healthz")["last_reload_error"])
    assert running.get("/healthz")["generation"] == 2


def test_a_dropped_in_plugin_is_there_after_a_reload(running: Gateway) -> None:
    running.plugin("fresh", NOOP)
    assert running.post("/plugin/fresh/handle", {}).status == 404
    assert running.post("/system/reload").status == 200
    assert running.run("fresh", "handle")["result"]["result"] == "done"


def test_a_broken_plugin_is_quarantined_by_name_and_everything_else_runs(running: Gateway) -> None:
    home = running.plugin("broken", NOOP)
    (home / "manifest.yaml").write_text("name: broken\nprotocol: 7\n")
    assert running.post("/system/reload").status == 200
    health = running.get("/healthz")
    assert health["status"] == "degraded"
    assert "broken" in json.dumps(health["plugins_quarantined"])
    answer = running.post("/plugin/broken/handle", {})
    assert answer.status == 503
    assert "protocol" in answer.body["message"]
    assert any("`broken` is quarantined" in entry["message"] for entry in running.log)
    assert running.run("noop", "handle")["status"] == "succeeded"


def test_a_new_token_works_and_an_old_one_stops_with_the_reload(running: Gateway) -> None:
    fresh = {"name": "other", "token": "another-secret-token", "scopes": ["*"]}
    assert running.post("/system/reload", token="another-secret-token").status == 401
    running.configure(api={"auth": {"tokens": [fresh]}})
    assert running.post("/system/reload?force=true").status == 200
    assert running.post("/system/reload").status == 401
    assert running.post("/system/reload", token="another-secret-token").status == 200


def test_a_running_attempt_ends_under_its_own_snapshot(gateway: Gateway, tmp_path: Path) -> None:
    cast = ScriptedPlugins(gateway)
    gate = tmp_path / "open"
    cast.add("slow", wait_for=str(gate), result="as it was")
    cast.start()
    job = gateway.post("/plugin/slow/act", {}).body["job_id"]
    gateway.until(lambda: cast.requests("slow"))
    gateway.config["plugins"] = {}
    gateway.configure()
    assert gateway.post("/system/reload").status == 200
    gate.touch()
    document = gateway.until(lambda: (d := gateway.get(f"/job/{job}"))["status"] == "succeeded" and d)
    assert document["result"]["result"] == "as it was"
