"""The gateway under a service manager: what it says, what its plugins do not hear, and how it looks while it stops."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway import Gateway

GATE = """#!/bin/sh
touch started
while [ ! -e "open" ]; do sleep 0.01; done
cat >/dev/null
echo '{"status":"ok","result":"through"}'
"""
ENVIRONMENT = """#!/bin/sh
cat >/dev/null
printf '{"status":"ok","result":"%s"}' "$(env | sed 's/=.*//' | sort | tr '\\n' ' ')"
"""
PYTHON = """#!/usr/bin/env python3
import json, os, sys
sys.stdin.read()
print(json.dumps({"status": "ok", "result": " ".join(sorted(os.environ))}))
"""


class Manager:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hears(self) -> dict[str, str]:
        """The next word that is no sign of life."""
        while True:
            words = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))
            if words != {"WATCHDOG": "1"}:
                return words

    def alive(self) -> None:
        """Wait for the next sign of life."""
        while self.socket.recv(4096) != b"WATCHDOG=1":
            pass


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@ductile-{tmp_path.name}-{time.monotonic_ns()}"
    made = Manager(address)
    yield made
    made.socket.close()


def test_it_is_ready_once_it_listens_tells_of_reloads_and_of_its_end(gateway: Gateway, manager: Manager) -> None:
    gateway.start(environ={"NOTIFY_SOCKET": manager.address})
    ready = manager.hears()
    assert ready == {"READY": "1", "STATUS": "Serving generation 1: 0 plugins"}
    assert gateway.get("/readyz")["status"] == "ok"
    gateway.configure(service={"name": "other"})
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    gateway.signal(signal.SIGHUP)
    reloading, again = manager.hears(), manager.hears()
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert again == {"READY": "1", "STATUS": "Serving generation 2: 0 plugins"}
    gateway.configure(service={"log_level": "nonsense"})
    assert gateway.post("/system/reload").status == 422
    assert "RELOADING" in manager.hears()
    assert manager.hears()["STATUS"].startswith("The last reload was refused.")
    assert gateway.stop() == 0
    assert manager.hears()["STOPPING"] == "1"


def test_it_gives_signs_of_life_as_often_as_they_are_wanted_and_its_plugins_know_nothing_of_it(
    gateway: Gateway, tmp_path: Path
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    gateway.plugin("shell", ENVIRONMENT)
    gateway.plugin("forked", PYTHON)
    gateway.configure(service={"inherit_env": ["all"]})
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "40000", "EDITOR": "ed"}
    gateway.start(environ=environ)
    for _ in range(3):
        manager.alive()
    for plugin in ("shell", "forked"):
        names = gateway.run(plugin, "handle")["result"]["result"].split()
        assert "EDITOR" in names
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(names)
    manager.alive()
    manager.socket.close()


def test_while_it_waits_for_what_runs_it_lives_and_takes_no_work(gateway: Gateway) -> None:
    gateway.plugin("gate", GATE)
    gateway.configure()
    gateway.start()
    job_id = gateway.post("/plugin/gate/handle").body["job_id"]
    gateway.until((gateway.folder / "started").exists)
    gateway.signal(signal.SIGTERM)
    gateway.until(lambda: gateway.call("GET", "/readyz", token=None).status == 503)
    answer = gateway.call("GET", "/readyz", token=None)
    assert (answer.body["error"], answer.headers["retry-after"]) == ("not_ready", "1")
    assert gateway.call("GET", "/livez", token=None).status == 200
    assert gateway.call("HEAD", "/readyz", token=None).status == 503
    assert gateway.get(f"/job/{job_id}")["status"] == "running"
    metrics = gateway.call("GET", "/metrics", token=None)
    assert b"ductile_attempts_running 1.0" in metrics.raw
    (gateway.folder / "open").touch()
    assert gateway.ended() == 0
