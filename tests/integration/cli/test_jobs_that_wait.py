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
def gated(gateway: Gateway) -> Iterator[Gateway]:
    folder = gateway.plugin("gate", GATE, concurrency_safe=False)
    os.mkfifo(folder / "gate")
    gateway.plugin("crash", CRASH)
    gateway.configure(plugins={"crash": {"retry": {"max_attempts": 3, "backoff_base": "1h"}}})
    gateway.start()
    yield gateway
    gateway.stop()


def listed(gateway: Gateway, *options: str) -> dict[str, Any]:
    rows = json.loads(run(gateway, "job", "list", *options))["jobs"]
    return {row["job_id"]: row for row in rows}


def submit(gateway: Gateway, plugin: str) -> str:
    job_id: str = gateway.post(f"/plugin/{plugin}/handle").body["job_id"]
    return job_id


def open_gate(gateway: Gateway) -> None:
    (gateway.folder / "plugins/gate/gate").write_text("go\n")


def test_why_each_job_waits_is_told(gated: Gateway) -> None:
    first, second, crashed = submit(gated, "gate"), submit(gated, "gate"), submit(gated, "crash")
    gated.until(lambda: gated.get(f"/job/{crashed}").get("last_error"))
    gated.until(lambda: gated.get(f"/job/{first}")["status"] == "running")
    rows = listed(gated)
    assert "waiting" not in rows[first]
    assert rows[second]["waiting"]["reason"] == "lane_full"
    assert rows[crashed]["waiting"]["reason"] == "backoff"
    assert rows[crashed]["waiting"]["until"] == gated.get(f"/job/{crashed}")["run_at"]
    shown = run(gated, "job", "list", "--format", "table")
    assert "WAITS FOR" in shown
    assert "attempt 1 has failed" in shown
    assert json.loads(run(gated, "job", "inspect", second))["waiting"] == rows[second]["waiting"]
    gated.post("/system/pause")
    assert listed(gated, "--status", "queued", "--status", "held")[second]["waiting"]["reason"] == "paused"
    gated.post("/system/resume")
    run(gated, "job", "cancel", second, crashed)
    open_gate(gated)
    gated.until(lambda: gated.get(f"/job/{first}")["status"] == "succeeded")


def test_jobs_are_chosen_by_several_statuses_and_by_time(gated: Gateway) -> None:
    crashed, first = submit(gated, "crash"), submit(gated, "gate")
    gated.until(lambda: gated.get(f"/job/{crashed}").get("last_error"))
    gated.until(lambda: gated.get(f"/job/{first}")["status"] == "running")
    assert {job["job_id"] for job in gated.get("/jobs?status=queued&status=running")["jobs"]} == {crashed, first}
    assert {job["job_id"] for job in gated.get("/jobs?status=queued,running")["jobs"]} == {crashed, first}
    assert gated.get("/jobs?status=succeeded&status=dead")["total"] == 0
    assert set(listed(gated, "--since", "10m")) == {crashed, first}
    run(gated, "job", "cancel", crashed)
    assert gated.get("/jobs?from=2999-01-01T00:00:00Z&status=cancelled") == {"jobs": [], "total": 0, "cursor": None}
    assert gated.call("GET", "/jobs?from=yesterday").status == 400
    assert gated.call("GET", "/jobs?status=queued&status=nonsense").status == 400
    assert gated.get("/job-logs?status=failed&status=lost")["total"] == 1
    assert gated.get("/job-logs?status=succeeded&status=queued")["total"] == 0
    open_gate(gated)


def test_a_running_job_is_followed_live_and_cancelled_with_a_wait(gated: Gateway) -> None:
    job_id = submit(gated, "gate")
    following = command(gated, "job", "logs", job_id, "--follow", "--format", "table")
    assert following.stdout
    lines = [following.stdout.readline() for _ in range(2)]
    assert lines[0].endswith("gate.handle attempt 1: running\n")
    assert lines[1] == "  info: at the gate\n"
    assert json.loads(run(gated, "job", "cancel", job_id, "--wait"))["status"] == "cancelled"
    out, err = following.communicate(timeout=60)
    assert following.returncode == 1
    assert "attempt 1: cancelled" in out
    assert "None" not in lines[0] + out
    assert "has ended cancelled" in err


def test_a_job_is_found_by_how_its_id_begins_and_as_the_last(gated: Gateway) -> None:
    one, two = submit(gated, "crash"), submit(gated, "crash")
    assert json.loads(run(gated, "job", "inspect", "--last"))["job_id"] == two
    alike = "".join(a for n, (a, b) in enumerate(zip(one, two, strict=True)) if one[:n] == two[:n] and a == b)
    assert json.loads(run(gated, "job", "inspect", one[: len(alike) + 1].rstrip("-") or one))["job_id"] == one
    process = command(gated, "job", "inspect", alike)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert one in err
    assert two in err
    run(gated, "job", "inspect", "ffff", code=3)


def test_the_short_options_are_known(gated: Gateway, tmp_path: Path) -> None:
    assert run(gated, "-V").startswith("ductile ")
    for line in ([], ["job"], ["job", "list"], ["gate"], ["gate", "handle"]):
        assert run(gated, *line, "-h") == run(gated, *line, "--help")
    run(gated, "job", "list", "-q", "--output", str(tmp_path / "jobs.json"))
