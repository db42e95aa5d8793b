"""Runs the plugin as the gateway does: a request on stdin, a response on stdout."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

PLUGIN = Path(__file__).parent / "run.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stress_run", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUN = loaded()


def start(command: str, payload: Any = None, **more: Any) -> "subprocess.CompletedProcess[bytes]":
    stdin = json.dumps({"command": command, "payload": payload, **more}).encode()
    return subprocess.run([sys.executable, PLUGIN], input=stdin, capture_output=True, check=False, timeout=20)


def ask(command: str, payload: Any = None, **more: Any) -> dict[str, Any]:
    response, code = RUN.respond(json.dumps({"command": command, "payload": payload, **more}).encode())
    assert code == 0
    answer: dict[str, Any] = json.loads(json.dumps(response))
    return answer


def refused(response: dict[str, Any]) -> str:
    assert (response["status"], response["retry"]) == ("error", False)
    reason: str = response["error"]
    return reason


def test_it_does_nothing_unless_it_is_told_to() -> None:
    response = ask("run")
    assert (response["status"], response["events"], response["result"]["output"]) == ("ok", [], "")


def test_it_takes_what_it_is_told_to_take() -> None:
    response = ask(
        "run", {"sleep_ms": 30, "cpu_ms": 30, "memory_mb": 3, "output_bytes": 1000, "events": 3, "event_bytes": 9}
    )
    result = response["result"]
    assert result["took_ms"] >= 60
    assert (result["memory_mb"], len(result["output"])) == (3, 1000)
    assert [event["payload"]["number"] for event in response["events"]] == [0, 1, 2]
    assert response["events"][0]["payload"]["data"] == "x" * 9


def test_an_event_is_handled_alike() -> None:
    assert len(ask("handle", event={"type": "x", "payload": {"events": 2}})["events"]) == 2


def test_it_writes_to_stderr() -> None:
    ended = start("run", {"stderr_bytes": 100_000})
    assert len(ended.stderr) == 100_000
    assert json.loads(ended.stdout)["status"] == "ok"


def test_it_fails_in_every_way() -> None:
    error = ask("run", {"fail_rate": 1, "retry": False})
    assert (error["status"], error["retry"]) == ("error", False)
    assert ask("run", {"fail_rate": 1})["retry"] is True
    assert start("run", {"fail_rate": 1, "failure": "exit", "exit_code": 42}).returncode == 42
    assert start("run", {"fail_rate": 1, "failure": "kill"}).returncode == -signal.SIGKILL
    assert start("run", {"fail_rate": 1, "failure": "garbage"}).stdout == b"this is no response\n"


def test_it_hangs_until_it_is_ended() -> None:
    request = {"command": "run", "payload": {"fail_rate": 1, "failure": "hang", "stderr_bytes": 1}}
    with subprocess.Popen([sys.executable, PLUGIN], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as plugin:
        assert plugin.stdin
        assert plugin.stderr
        plugin.stdin.write(json.dumps(request).encode())
        plugin.stdin.close()
        assert plugin.stderr.read(1) == b"x"
        plugin.terminate()
        assert plugin.wait(20) == -signal.SIGTERM


def test_the_share_that_fails_is_the_same_at_each_run() -> None:
    def outcomes() -> list[str]:
        return [ask("run", {"fail_rate": 0.3}, job_id=f"job-{n}", attempt=1)["status"] for n in range(200)]

    first = outcomes()
    assert 30 < first.count("error") < 90
    assert outcomes() == first
    assert len({ask("run", {"fail_rate": 0.5}, job_id="job", attempt=n)["status"] for n in range(20)}) == 2


def test_the_single_loads() -> None:
    assert ask("cpu", {"duration_seconds": 0.02})["result"]["actual_duration"] >= 0.02
    assert len(ask("io", {"size_mb": 1})["result"]["hash"]) == 64
    assert ask("health")["result"] == "healthy"


def test_state_counts_on() -> None:
    first = ask("state", {"iterations": 3})
    assert first["state_updates"] == {"count": 3}
    second = ask("state", {"iterations": 2}, state={"count": 3})
    assert [event["payload"]["total"] for event in second["events"]] == [4, 5]
    assert ask("state", {"iterations": 1}, state={"count": "x"})["result"] == {"final_count": 1}


def test_the_schemas_and_the_plugin_have_the_same_bounds() -> None:
    manifest = yaml.safe_load((PLUGIN.parent / "manifest.yaml").read_text())
    schemas = [command.get("input_schema", {}).get("properties", {}) for command in manifest["commands"]]
    bounds = {
        name: (about["minimum"], about["maximum"])
        for properties in schemas
        for name, about in properties.items()
        if "minimum" in about
    }
    assert bounds == RUN.LIMITS


@pytest.mark.parametrize("name", sorted(RUN.LIMITS))
def test_what_is_out_of_bounds_is_refused(name: str) -> None:
    command = {"duration_seconds": "cpu", "size_mb": "io", "iterations": "state"}.get(name, "run")
    for value in (-1, RUN.LIMITS[name][1] + 1, "5", True, None, [1]):
        begun = time.monotonic()
        assert f"payload.{name}" in refused(ask(command, {name: value}))
        assert time.monotonic() - begun < 5


def test_other_mistakes_are_refused() -> None:
    payloads: list[Any] = [
        {"failure": "x"},
        {"retry": "x"},
        {"events": 1.5},
        {"events": 1000, "event_bytes": 100_000},
        [],
    ]
    for payload in payloads:
        refused(ask("run", payload))
    requests: list[Any] = [{"command": "dance"}, {"command": ["run"]}, {}, [], None, 5]
    for request in requests:
        response, code = RUN.respond(json.dumps(request).encode())
        assert code == 0
        refused(response)
    for stdin in (b"", b"{", b"\xff", b"[" * 100_000):
        response, code = RUN.respond(stdin)
        assert code == 1
        refused(response)
