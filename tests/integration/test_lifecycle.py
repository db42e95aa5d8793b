"""Start, stop, pause and death of the gateway; what plugins do wrong hurts only themselves."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway, alive
from support.scripted_plugins import ScriptedPlugins

QUICK = {"retry": {"max_attempts": 1}}


def test_a_graceful_stop_lets_running_attempts_finish(gateway: Gateway, tmp_path: Path) -> None:
    cast = ScriptedPlugins(gateway)
    gate = tmp_path / "open"
    cast.add("slow", wait_for=str(gate))
    cast.start()
    job = gateway.post("/plugin/slow/act", {}).body["job_id"]
    gateway.until(lambda: cast.requests("slow"))
    gateway.signal(signal.SIGTERM)
    gateway.until(lambda: any(entry["message"] == "stopping" for entry in gateway.log))
    gate.touch()
    assert gateway.ended() == 0
    gateway.start()
    assert gateway.get(f"/job/{job}")["status"] == "succeeded"
    assert gateway.get(f"/job/{job}")["attempt"] == 1


def test_a_stop_that_runs_out_of_patience_loses_attempts_and_the_next_start_runs_them_again(
    gateway: Gateway, tmp_path: Path
) -> None:
    cast = ScriptedPlugins(gateway)
    gate = tmp_path / "open"
    cast.add("slow", wait_for=str(gate))
    cast.start(service={"drain_timeout": "100ms", "kill_grace": "200ms"})
    job = gateway.post("/plugin/slow/act", {}).body["job_id"]
    [request] = gateway.until(lambda: cast.requests("slow"))
    assert gateway.stop() == 0
    assert not alive(request["pid"])
    gate.touch()
    gateway.start()
    document = gateway.until(lambda: (d := gateway.get(f"/job/{job}"))["status"] == "succeeded" and d)
    assert document["attempt"] == 2


def test_a_second_signal_skips_the_wait(gateway: Gateway, tmp_path: Path) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("slow", wait_for=str(tmp_path / "never"))
    cast.start(service={"drain_timeout": "60s"})
    gateway.post("/plugin/slow/act", {})
    gateway.until(lambda: cast.requests("slow"))
    gateway.signal(signal.SIGINT)
    gateway.until(lambda: any(entry["message"] == "stopping" for entry in gateway.log))
    gateway.signal(signal.SIGINT)
    assert gateway.ended(within=20) == 0


def test_a_stop_over_http_is_graceful_too(gateway: Gateway) -> None:
    gateway.start()
    assert gateway.post("/system/stop").status == 202
    assert gateway.ended() == 0


def test_a_killed_gateways_plugins_die_before_their_jobs_run_again(gateway: Gateway, tmp_path: Path) -> None:
    cast = ScriptedPlugins(gateway)
    gate = tmp_path / "open"
    cast.add("slow", wait_for=str(gate))
    cast.start()
    job = gateway.post("/plugin/slow/act", {}).body["job_id"]
    [first] = gateway.until(lambda: cast.requests("slow"))
    gateway.kill()
    assert alive(first["pid"])
    gateway.start()
    assert not alive(first["pid"])
    gate.touch()
    document = gateway.until(lambda: (d := gateway.get(f"/job/{job}"))["status"] == "succeeded" and d)
    assert document["attempt"] == 2
    assert [request["attempt"] for request in cast.requests("slow")] == [1, 2]


def test_a_job_that_is_not_retry_safe_ends_failed_when_its_gateway_dies(gateway: Gateway, tmp_path: Path) -> None:
    script = f"#!/bin/sh\necho started >> {tmp_path}/book\nsleep 600\n"
    gateway.plugin("once", script, {"handle": {"retry_safe": False}})
    gateway.start()
    job = gateway.post("/plugin/once/handle", {}).body["job_id"]
    gateway.until((tmp_path / "book").exists)
    gateway.kill()
    gateway.start()
    document = gateway.get(f"/job/{job}")
    assert document["status"] == "failed"
    assert "retry_safe" in document["last_error"]


def test_a_second_gateway_on_the_same_state_is_refused(gateway: Gateway) -> None:
    gateway.start()
    command = [sys.executable, "-m", "ductile.cli.main", "system", "start", "--config-dir", str(gateway.folder)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert str(gateway.process.pid if gateway.process else 0) in second.stderr


def test_a_pause_lasts_over_a_restart_and_intake_goes_on(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("a")
    cast.start()
    assert gateway.post("/system/pause").status == 200
    job = gateway.post("/plugin/a/act", {}).body["job_id"]
    assert gateway.stop() == 0
    gateway.start()
    health = gateway.get("/healthz")
    assert (health["paused"], health["queue_depth"]) == (True, 1)
    assert gateway.get(f"/job/{job}")["status"] == "queued"
    assert gateway.post("/system/resume").status == 200
    gateway.until(lambda: gateway.get(f"/job/{job}")["status"] == "succeeded")


def test_a_job_with_a_time_to_run_waits_for_it(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("a")
    cast.start()
    later = gateway.post("/plugin/a/act", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    past = gateway.post("/plugin/a/act", {"payload": {}, "run_at": "2001-01-01T00:00:00Z"}).body["job_id"]
    gateway.until(lambda: gateway.get(f"/job/{past}")["status"] == "succeeded")
    assert gateway.get(f"/job/{later}")["status"] == "queued"


def test_priority_decides_who_goes_first(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("a")
    cast.start(service={"max_workers": 1})
    gateway.post("/system/pause")
    for priority in (0, 50, -50):
        gateway.post("/plugin/a/act", {"payload": {"p": priority}, "priority": priority})
    gateway.post("/system/resume")
    gateway.idle()
    assert [request["payload"]["p"] for request in cast.requests("a")] == [50, 0, -50]


def test_a_plugin_that_is_not_concurrency_safe_runs_one_at_a_time(gateway: Gateway, tmp_path: Path) -> None:
    script = f"""#!/bin/sh
mkdir {tmp_path}/busy || exit 9
sleep 0.05
rmdir {tmp_path}/busy
echo '{{"status": "ok", "result": 1}}'
"""
    gateway.plugin("serial", script, concurrency_safe=False)
    gateway.configure(plugins={"serial": QUICK})
    gateway.start()
    for _ in range(6):
        gateway.post("/plugin/serial/handle", {})
    gateway.idle()
    assert {job["status"] for job in gateway.jobs(plugin="serial")} == {"succeeded"}


BAD: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "crashes": ("#!/bin/sh\necho why >&2\nexit 3\n", {}, "failed", "exit 3 without a response: why"),
    "dies by a signal": ("#!/bin/sh\nkill -SEGV $$\n", {}, "failed", "killed by SIGSEGV"),
    "hangs": ("#!/bin/sh\nsleep 600\n", {"timeout": "300ms"}, "timed_out", "timed out"),
    "ignores TERM": (
        "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n",
        {"timeout": "300ms"},
        "timed_out",
        "timed out",
    ),
    "floods stdout": ("#!/bin/sh\nyes | head -c 30000000\n", {}, "failed", "10 MiB"),
    "floods stderr": (
        """#!/bin/sh\nyes | head -c 30000000 >&2\necho '{"status": "ok", "result": 1}'\n""",
        {},
        "succeeded",
        "",
    ),
    "prints no JSON": ("#!/bin/sh\necho hello\n", {}, "failed", "protocol error"),
    "says ok without a result": ("""#!/bin/sh\necho '{"status": "ok"}'\n""", {}, "failed", "protocol error"),
    "exits 78": ("#!/bin/sh\necho no key >&2\nexit 78\n", {}, "failed", "no key"),
    "has no interpreter": ("#!/no/such/interpreter\n", {}, "503", "/no/such/interpreter"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_plugin_that(kind: str, gateway: Gateway) -> None:
    script, settings, status, error = BAD[kind]
    gateway.plugin("bad", script)
    gateway.plugin("good", """#!/bin/sh\ncat > /dev/null\necho '{"status": "ok", "result": 1}'\n""")
    gateway.configure(plugins={"bad": {**QUICK, **settings}}, service={"kill_grace": "200ms"})
    gateway.start()
    if status == "503":
        answer = gateway.post("/plugin/bad/handle", {})
        assert answer.status == 503
        assert error in answer.body["message"]
    else:
        document = gateway.run("bad", "handle")
        assert document["status"] == status
        assert error in (document.get("last_error") or "")
    assert gateway.run("good", "handle")["status"] == "succeeded"
    assert gateway.get("/livez")


def test_an_executable_that_vanishes_fails_an_attempt_and_says_so(gateway: Gateway) -> None:
    home = gateway.plugin("gone", "#!/bin/sh\n")
    gateway.configure(plugins={"gone": QUICK})
    gateway.start()
    (home / "run").unlink()
    document = gateway.run("gone", "handle")
    assert document["status"] == "failed"
    assert "run" in document["last_error"]


def test_grandchildren_that_outlive_a_job_are_killed(gateway: Gateway, tmp_path: Path) -> None:
    script = f"""#!/bin/sh
setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600' &
while [ ! -s {tmp_path}/pid ]; do sleep 0.01; done
echo '{{"status": "ok", "result": "left one behind"}}'
"""
    gateway.plugin("parent", script)
    gateway.start()
    assert gateway.run("parent", "handle")["status"] == "succeeded"
    pid = int((tmp_path / "pid").read_text())
    gateway.until(lambda: not alive(pid))


def test_state_facts_and_secrets_are_kept_as_the_manifest_says(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    gateway.plugin(
        "counter",
        """#!/usr/bin/env -S python3 -S -E
import json, sys
request = json.load(sys.stdin)
seen = request["state"].get("seen", 0) + 1
print(json.dumps({"status": "ok", "result": request["config"]["api_key"], "state_updates": {"seen": seen}}))
""",
        {"poll": {"type": "read"}, "handle": {}},
        fact_outputs=[{"when": {"command": "poll"}, "from": "state_updates", "fact_type": "counter.snapshot"}],
    )
    cast.start()
    gateway.configure(plugins={"counter": {"config": {"api_key": "very-secret-value"}}})
    gateway.post("/system/reload")
    for command in ("poll", "handle", "poll"):
        document = gateway.run("counter", command)
    assert document["result"]["result"] == "[REDACTED]"
    assert document["result"]["state_updates"] == {"seen": 3}
    assert gateway.stop() == 0
    with sqlite3.connect(gateway.folder / "state.db") as connection:
        assert connection.execute("SELECT count(*) FROM plugin_facts").fetchone() == (2,)
        assert connection.execute("SELECT value FROM plugin_state").fetchone()[0] in (b'{"seen":3}', '{"seen":3}')
    for name in ("state.db", "state.db-wal"):
        path = gateway.folder / name
        if path.exists():
            assert b"very-secret-value" not in path.read_bytes()
            assert path.stat().st_mode & 0o777 == 0o600


def test_a_plugin_sees_only_the_environment_it_is_meant_to(gateway: Gateway) -> None:
    gateway.plugin(
        "env",
        """#!/usr/bin/env -S python3 -S -E
import json, os
print(json.dumps({"status": "ok", "result": {"env": dict(os.environ), "cwd": os.getcwd()}}))
""",
    )
    gateway.configure(plugins={"env": {"env": {"MINE": "1"}, "inherit_env": ["NAMED"]}})
    gateway.start(environ={"NAMED": "2", "UNNAMED": "3", "AWS_SECRET_ACCESS_KEY": "4"})
    result = gateway.run("env", "handle")["result"]["result"]
    env = result["env"]
    assert (env["MINE"], env["NAMED"]) == ("1", "2")
    assert not {"UNNAMED", "AWS_SECRET_ACCESS_KEY"} & env.keys()
    assert {"DUCTILE_INSTANCE", "DUCTILE_JOB_ID", "DUCTILE_ATTEMPT", "PATH"} <= env.keys()
    assert Path(result["cwd"]).samefile(gateway.folder)
