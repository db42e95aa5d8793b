"""A file system that runs full: new work is refused in time, what was taken ends, and room lets work in again."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway import Gateway

SHELL = """#!/bin/sh
read -r request
case "$request" in *'"open":'*) while [ ! -e "$HOME/go" ]; do sleep 0.05; done;; esac
echo '{"status": "ok", "result": "done"}'
"""
SIZE = 128 * 1024 * 1024
LEFT = 6_000_000
"""Bytes that something else leaves of it: less than the twentieth that is kept free, enough for what runs to end."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def gateway(tmp_path: Path, disk: Path) -> Iterator[Gateway]:
    one = Gateway(tmp_path / "gateway")
    one.plugin("shell", SHELL)
    schedule = {"every": "1s", "command": "handle"}
    one.configure(
        state={"path": str(disk / "state.db")},
        service={"tick_interval": "500ms"},
        plugins={"shell": {"schedules": [schedule], "env": {"HOME": str(tmp_path)}}},
    )
    try:
        yield one.start()
    finally:
        one.close()


def fill(disk: Path) -> Path:
    """Something else takes what is left, but a little."""
    ballast = disk / "ballast"
    system = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, system.f_bavail * system.f_frsize - LEFT)
    return ballast


def test_a_full_disk_refuses_new_work_and_ends_what_it_has(gateway: Gateway, disk: Path, tmp_path: Path) -> None:
    running = gateway.post("/plugin/shell/handle", {"payload": {"open": True}}).body["job_id"]
    gateway.until(lambda: gateway.get(f"/job/{running}")["status"] == "running")
    ballast = fill(disk)

    gateway.until(lambda: gateway.get("/healthz")["warnings"])
    refused = gateway.post("/plugin/shell/handle", {})
    assert (refused.status, refused.body["error"]) == (503, "storage_full")
    assert "bytes left" in refused.body["message"]
    (tmp_path / "go").touch()
    gateway.until(lambda: gateway.get(f"/job/{running}")["status"] == "succeeded")
    gateway.until(lambda: told(gateway, "schedules wait for the store", "error"))
    jobs, up = (gateway.get(path)[name] for path, name in (("/jobs", "total"), ("/healthz", "uptime_seconds")))
    gateway.until(lambda: gateway.get("/healthz")["uptime_seconds"] >= up + 4)

    ballast.unlink()
    gateway.until(lambda: gateway.post("/plugin/shell/handle", {}).status == 202)
    gateway.until(lambda: gateway.get("/jobs?limit=1")["total"] > jobs + 1)
    assert len(told(gateway, "schedules wait for the store", "error")) == 1
    assert gateway.get("/healthz")["warnings"] == []


def told(gateway: Gateway, message: str, level: str) -> list[str]:
    return [str(line) for line in gateway.log if (line["message"], line["level"]) == (message, level)]
