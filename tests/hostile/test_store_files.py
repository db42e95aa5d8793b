"""The files of the state are deleted, moved, replaced and damaged under the gateway: no 202 of it is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway

ECHO = """#!/bin/sh
read -r request
echo '{"status": "ok", "result": "done"}'
"""


@pytest.fixture
def running(gateway: Gateway) -> Gateway:
    gateway.plugin("echo", ECHO)
    gateway.configure(state={"path": "./data/state.db"})
    return gateway.start()


def submit(gateway: Gateway) -> Any:
    return gateway.post("/plugin/echo/handle", {"payload": {}})


def accepted(gateway: Gateway, n: int = 5) -> list[str]:
    answers = [submit(gateway) for _ in range(n)]
    assert {answer.status for answer in answers} == {202}
    gateway.idle()
    return [answer.body["job_id"] for answer in answers]


def refused(gateway: Gateway, code: str) -> str:
    """Intake, readiness and health tell it; the sentence for the caller."""
    answer = gateway.until(lambda: (got := submit(gateway)).status == 503 and got)
    assert answer.body["error"] == code
    assert int(answer.headers["retry-after"]) > 0
    assert gateway.call("GET", "/readyz").status == 503
    health = gateway.call("GET", "/healthz")
    assert (health.status, health.body["status"], health.body["storage"]) == (503, "degraded", code)
    assert gateway.call("GET", "/livez").status == 200
    assert "ductile_storage_unsafe 1" in gateway.call("GET", "/metrics").raw.decode()
    sentence: str = answer.body["message"]
    return sentence


def all_there(gateway: Gateway, ids: list[str]) -> None:
    assert [gateway.call("GET", f"/job/{one}").status for one in ids] == [200] * len(ids)


def settled_copy(gateway: Gateway) -> None:
    gateway.until(lambda: any(line["message"] == "store.secured" for line in gateway.log))


def test_a_deleted_database_is_refused_at_once_and_its_jobs_come_back_with_the_next_start(running: Gateway) -> None:
    state = running.folder / "data/state.db"
    ids = accepted(running)
    state.unlink()
    assert submit(running).body["error"] == "storage_lost"
    assert "deleted" in refused(running, "storage_lost")
    settled_copy(running)
    assert "restart the gateway" in submit(running).body["message"]
    running.kill()
    running.start()
    all_there(running, ids)
    assert submit(running).status == 202


def test_a_database_deleted_while_nothing_is_written_is_saved_by_a_stop(running: Gateway) -> None:
    ids = accepted(running)
    for file in ("state.db", "state.db-wal", "state.db-shm"):
        (running.folder / "data" / file).unlink()
    assert running.stop() == 0
    running.start()
    all_there(running, ids)


def test_a_state_folder_that_is_deleted_whole_comes_back(running: Gateway) -> None:
    ids = accepted(running)
    shutil.rmtree(running.folder / "data")
    refused(running, "storage_lost")
    settled_copy(running)
    running.stop()
    running.start()
    all_there(running, ids)


def test_a_moved_folder_is_refused_until_it_is_moved_back(running: Gateway) -> None:
    folder, elsewhere = running.folder / "data", running.folder / "elsewhere"
    ids = accepted(running)
    folder.rename(elsewhere)
    assert "move the open file back" in refused(running, "storage_lost")
    elsewhere.rename(folder)
    running.until(lambda: submit(running).status == 202)
    running.until(lambda: running.call("GET", "/readyz").status == 200)
    all_there(running, ids)
    assert running.get("/healthz")["warnings"] == []


def test_a_backup_put_over_the_running_database_is_noticed_and_what_stood_there_is_kept(running: Gateway) -> None:
    folder = running.folder / "data"
    backup = running.folder / "backup.db"
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    ids = accepted(running)
    backup.rename(folder / "state.db")
    refused(running, "storage_lost")
    settled_copy(running)
    (copy,) = folder.glob("state.db.rescued-*")
    assert copy.name in submit(running).body["message"]
    running.stop()
    running.start()
    assert running.call("GET", f"/job/{ids[0]}").status == 404, "the backup serves"
    running.stop()
    copy.rename(folder / "state.db")
    running.start()
    all_there(running, ids)


@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_what_sqlite_keeps_beside_the_database_is_missed_too(running: Gateway, beside: str) -> None:
    ids = accepted(running)
    (running.folder / f"data/state.db{beside}").unlink()
    refused(running, "storage_lost")
    settled_copy(running)
    running.kill()
    running.start()
    all_there(running, ids)


def corrupt(state: Path) -> None:
    """Nothing is left of the database but its first page."""
    size = state.stat().st_size
    with state.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def test_corrupted_pages_are_told_and_nothing_new_is_taken_until_they_are_mended(running: Gateway) -> None:
    state = running.folder / "data/state.db"
    accepted(running)
    wal = state.with_name("state.db-wal")
    running.until(lambda: wal.stat().st_size == 0)
    whole = state.read_bytes()
    corrupt(state)
    running.until(lambda: running.call("GET", "/jobs").status == 503)
    assert "restore a backup" in refused(running, "storage_damaged")
    with state.open("r+b") as file:
        file.write(whole)
    running.until(lambda: running.call("GET", "/readyz").status == 200)
    assert submit(running).status == 202


def second(gateway: Gateway) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ductile.cli.main", "system", "start", "--config-dir", str(gateway.folder)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_without_the_lock_file_no_second_gateway_starts_and_the_first_makes_it_anew(running: Gateway) -> None:
    assert running.process is not None
    lock = running.folder / "data/state.db.lock"
    identity = lock.with_name("state.db.instance")
    before = identity.read_text()
    lock.unlink()
    ended = second(running)
    assert ended.returncode == 1
    assert "state_locked" in ended.stderr
    assert f"process {running.process.pid}" in ended.stderr
    running.until(lambda: lock.exists() and lock.read_text().strip() == str(running.process.pid))
    running.until(lambda: identity.read_text() != before)
    assert second(running).returncode == 1
    assert submit(running).status == 202
    running.stop()
    running.start()
    assert submit(running).status == 202


def test_a_read_only_state_is_an_error_with_a_reason_at_the_start(gateway: Gateway) -> None:
    if os.geteuid() == 0 and not shutil.which("mount"):
        pytest.skip("root writes everywhere, and nothing can be mounted")
    folder = gateway.folder / "data"
    folder.mkdir()
    gateway.configure(state={"path": "./data/state.db"})
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1M", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        ended = second(gateway)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
    assert ended.returncode == 1
    assert "Read-only file system" in ended.stderr
    assert "state.path" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_start_on_a_disk_without_a_free_byte_serves_and_trims(
    gateway: Gateway, disk: Path, end: signal.Signals
) -> None:
    gateway.plugin("echo", ECHO)
    service = {"dedupe_ttl": "1s", "job_queue_retention": "1s", "job_log_retention": "1s", "tick_interval": "500ms"}
    gateway.configure(state={"path": str(disk / "state.db")})
    gateway.start()
    big = {"payload": {"text": "x" * 200_000}}
    ids = [gateway.post("/plugin/echo/handle", big).body["job_id"] for _ in range(20)]
    gateway.idle()
    ended_at = time.monotonic()
    gateway.until((disk / "state.db.reserve").exists)
    gateway.signal(end)
    gateway.ended()
    system = os.statvfs(disk)
    with (disk / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, system.f_bavail * system.f_frsize)
    assert os.statvfs(disk).f_bavail == 0

    gateway.configure(service=service)
    time.sleep(max(0, ended_at + 1.1 - time.monotonic()))  # all that has ended is older than is to be kept
    gateway.start()
    answer = gateway.until(lambda: (got := submit(gateway)).status == 503 and got)
    assert answer.body["error"] == "storage_full"
    assert gateway.call("GET", "/livez").status == 200
    health = gateway.get("/healthz")
    assert (health["status"], health["storage"]) == ("degraded", "storage_full")
    gateway.until(lambda: gateway.call("GET", f"/job/{ids[0]}").status == 404)
    (disk / "ballast").unlink()
    gateway.until(lambda: submit(gateway).status == 202)
    assert gateway.stop() == 0


def test_health_does_not_wait_for_a_fault(running: Gateway) -> None:
    (running.folder / "data/state.db").unlink()
    submit(running)
    began = time.monotonic()
    refused(running, "storage_lost")
    assert time.monotonic() - began < 5
