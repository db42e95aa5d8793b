"""What an operator is told of jobs that wait, run and are stopped, by a real gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.gateway import TOKEN, Gateway

GATE = """#!/bin/sh
cat > /dev/null
echo '{"log": {"level": "info", "message": "at the gate"}}'
read -r word < "$(dirname "$0")/gate"
echo '{"status": "ok", "result": "opened"}'
"""
CRASH = """#!/bin/sh
cat > /dev/null
echo 'broken pipe' >&2
exit 3
"""


def command(gateway: Gateway, *arguments: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    url = f"http://{gateway.address[0]}:{gateway.address[1]}"
    return subprocess.Popen(
        [sys.executable, "-m", "ductile", *arguments],
        env={**inherited, "DUCTILE_URL": url, "DUCTILE_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(gateway: Gateway, *arguments: str, code: int = 0) -> str:
    process = command(gateway, *arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return out


@pytest.fixture
def gateway_with_gate(gateway: Gateway) -> Iterator[Gateway]:
    folder = gateway.plugin("gate", GATE, concurrency_safe=False)
    os.mkfifo(folder / "gate")
    gateway.plugin("crash", CRASH)
    gateway.configure(plugins={"crash": {"retry": {"max_attempts": 3, "backoff_base": "1h"}}})
    gateway.start()
    yield gateway
    gateway.stop()


def list_jobs(gateway: Gateway, *options: str) -> dict[str, Any]:
    rows = json.loads(run(gateway, "job", "list", *options))["jobs"]
    return {row["job_id"]: row for row in rows}


def submit(gateway: Gateway, plugin: str) -> str:
    job_id: str = gateway.post(f"/plugin/{plugin}/handle").body["job_id"]
    return job_id


def open_gate(gateway: Gateway) -> None:
    (gateway.folder / "plugins/gate/gate").write_text("go\n")


def test_why_each_job_waits_is_told(gateway_with_gate: Gateway) -> None:
    first, second, crashed = (
        submit(gateway_with_gate, "gate"),
        submit(gateway_with_gate, "gate"),
        submit(gateway_with_gate, "crash"),
    )
    gateway_with_gate.until(lambda: gateway_with_gate.get(f"/job/{crashed}").get("last_error"))
    gateway_with_gate.until(lambda: gateway_with_gate.get(f"/job/{first}")["status"] == "running")
    rows = list_jobs(gateway_with_gate)
    assert "waiting" not in rows[first]
    assert rows[second]["waiting"]["reason"] == "lane_full"
    assert rows[crashed]["waiting"]["reason"] == "backoff"
    assert rows[crashed]["waiting"]["until"] == gateway_with_gate.get(f"/job/{crashed}")["run_at"]
    shown = run(gateway_with_gate, "job", "list", "--format", "table")
    assert "WAITS FOR" in shown
    assert "attempt 1 has failed" in shown
    assert json.loads(run(gateway_with_gate, "job", "inspect", second))["waiting"] == rows[second]["waiting"]
    gateway_with_gate.post("/system/pause")
    assert (
        list_jobs(gateway_with_gate, "--status", "queued", "--status", "held")[second]["waiting"]["reason"] == "paused"
    )
    gateway_with_gate.post("/system/resume")
    run(gateway_with_gate, "job", "cancel", second, crashed)
    open_gate(gateway_with_gate)
    gateway_with_gate.until(lambda: gateway_with_gate.get(f"/job/{first}")["status"] == "succeeded")


def test_jobs_are_chosen_by_several_statuses_and_by_time(gateway_with_gate: Gateway) -> None:
    crashed, first = submit(gateway_with_gate, "crash"), submit(gateway_with_gate, "gate")
    gateway_with_gate.until(lambda: gateway_with_gate.get(f"/job/{crashed}").get("last_error"))
    gateway_with_gate.until(lambda: gateway_with_gate.get(f"/job/{first}")["status"] == "running")
    assert {job["job_id"] for job in gateway_with_gate.get("/jobs?status=queued&status=running")["jobs"]} == {
        crashed,
        first,
    }
    assert {job["job_id"] for job in gateway_with_gate.get("/jobs?status=queued,running")["jobs"]} == {crashed, first}
    assert gateway_with_gate.get("/jobs?status=succeeded&status=dead")["total"] == 0
    assert set(list_jobs(gateway_with_gate, "--since", "10m")) == {crashed, first}
    run(gateway_with_gate, "job", "cancel", crashed)
    assert gateway_with_gate.get("/jobs?from=2999-01-01T00:00:00Z&status=cancelled") == {
        "jobs": [],
        "total": 0,
        "cursor": None,
    }
    assert gateway_with_gate.call("GET", "/jobs?from=yesterday").status == 400
    assert gateway_with_gate.call("GET", "/jobs?status=queued&status=nonsense").status == 400
    assert gateway_with_gate.get("/job-logs?status=failed&status=lost")["total"] == 1
    assert gateway_with_gate.get("/job-logs?status=succeeded&status=queued")["total"] == 0
    open_gate(gateway_with_gate)


def test_a_running_job_is_followed_live_and_cancelled_with_a_wait(gateway_with_gate: Gateway) -> None:
    job_id = submit(gateway_with_gate, "gate")
    following = command(gateway_with_gate, "job", "logs", job_id, "--follow", "--format", "table")
    assert following.stdout
    lines = [following.stdout.readline() for _ in range(2)]
    assert lines[0].endswith("gate.handle attempt 1: running\n")
    assert lines[1] == "  info: at the gate\n"
    assert json.loads(run(gateway_with_gate, "job", "cancel", job_id, "--wait"))["status"] == "cancelled"
    out, err = following.communicate(timeout=60)
    assert following.returncode == 1
    assert "attempt 1: cancelled" in out
    assert "None" not in lines[0] + out
    assert "has ended cancelled" in err


def test_a_job_is_found_by_how_its_id_begins_and_as_the_last(gateway_with_gate: Gateway) -> None:
    one, two = submit(gateway_with_gate, "crash"), submit(gateway_with_gate, "crash")
    assert json.loads(run(gateway_with_gate, "job", "inspect", "--last"))["job_id"] == two
    alike = "".join(a for n, (a, b) in enumerate(zip(one, two, strict=True)) if one[:n] == two[:n] and a == b)
    assert (
        json.loads(run(gateway_with_gate, "job", "inspect", one[: len(alike) + 1].rstrip("-") or one))["job_id"] == one
    )
    process = command(gateway_with_gate, "job", "inspect", alike)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert one in err
    assert two in err
    run(gateway_with_gate, "job", "inspect", "ffff", code=3)


def test_the_short_options_are_known(gateway_with_gate: Gateway, tmp_path: Path) -> None:
    assert run(gateway_with_gate, "-V").startswith("ductile ")
    for line in ([], ["job"], ["job", "list"], ["gate"], ["gate", "handle"]):
        assert run(gateway_with_gate, *line, "-h") == run(gateway_with_gate, *line, "--help")
    run(gateway_with_gate, "job", "list", "-q", "--output", str(tmp_path / "jobs.json"))
