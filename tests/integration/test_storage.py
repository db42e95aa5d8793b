"""A state that grows beyond its limit: new work is refused, all else goes on, and room lets work in again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.gateway import Gateway

SHELL = """#!/bin/sh
cat >/dev/null
echo '{"status": "ok", "result": "done"}'
"""
LARGE = {"payload": {"text": "x" * 400_000}}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    one = Gateway(tmp_path)
    one.plugin("shell", SHELL)
    one.configure(state={"max_size": "2MB"})
    try:
        yield one.start()
    finally:
        one.close()


def test_a_full_state_refuses_new_work_and_ends_what_it_has(gateway: Gateway) -> None:
    gateway.post("/system/pause")
    first = gateway.post("/plugin/shell/handle", {}).body["job_id"]

    refused = gateway.until(lambda: (one := gateway.post("/plugin/shell/handle", LARGE)).status != 202 and one)

    assert (refused.status, refused.body["error"]) == (503, "storage_full")
    assert int(refused.headers["retry-after"]) > 0
    assert "state.max_size" in refused.body["message"]
    assert gateway.call("GET", "/readyz").status == 503
    health = gateway.get("/healthz")
    assert health["status"] == "degraded"
    assert any("no new work is taken" in warning for warning in health["warnings"])
    assert b"ductile_storage_full 1" in gateway.call("GET", "/metrics").raw
    for door in ("/plugin/shell/handle?dry_run=true", f"/job/{first}/retry", "/plugin/shell/handle?wait=5"):
        assert gateway.post(door, {}).status in {503, 409}, door

    gateway.post("/system/resume")
    gateway.until(lambda: gateway.get(f"/job/{first}")["status"] == "succeeded")

    gateway.configure(state={"max_size": "1GB"})
    assert gateway.post("/system/reload").status == 200
    gateway.until(lambda: gateway.post("/plugin/shell/handle", {}).status == 202)
    gateway.until(lambda: b"ductile_storage_full 0" in gateway.call("GET", "/metrics").raw)
    assert gateway.get("/healthz")["warnings"] == []
    assert gateway.call("GET", "/readyz").status == 200
    with closing(sqlite3.connect(gateway.folder / "state.db")) as state:
        told = state.execute("SELECT kind FROM journal WHERE kind LIKE 'storage.%' ORDER BY seq").fetchall()
    assert told == [("storage.full",), ("storage.freed",)]
