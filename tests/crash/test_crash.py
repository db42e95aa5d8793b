"""The real gateway under SIGKILL, again and again: an accepted job survives everything."""

import contextlib
import http.client
import json
import random
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from support.gateway import TOKEN, Gateway

KILLS = 50
"""Times that the gateway is killed."""

UP = (0.05, 0.6)
"""Seconds that a gateway may live, once it is ready, before it is killed."""

SOURCE = """#!/bin/sh
cat > /dev/null
echo "$DUCTILE_JOB_ID $DUCTILE_ATTEMPT" >> {book}
echo '{{"status": "ok", "result": "made", "events": [
  {{"type": "part.made", "payload": {{"n": 1}}}}, {{"type": "part.made", "payload": {{"n": 2}}}},
  {{"type": "part.made", "payload": {{"n": 3}}}}], "state_updates": {{"seen": true}}}}'
"""

SINK = """#!/bin/sh
cat > /dev/null
echo "$DUCTILE_JOB_ID $DUCTILE_ATTEMPT" >> {book}
echo '{{"status": "ok", "result": "kept"}}'
"""

SLOW = """#!/bin/sh
cat > /dev/null
echo "$DUCTILE_JOB_ID $DUCTILE_ATTEMPT" >> {book}
sleep 0.2
echo '{{"status": "ok", "result": "slow"}}'
"""


class Load:
    """Clients that trigger without a pause, and remember what was accepted."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running = threading.Event()
        self._over = threading.Event()
        self.runs: set[str] = set()
        self.jobs: set[str] = set()
        self.reloads = 0
        paths = [("/pipeline/chain", self.runs), ("/plugin/sink/handle", self.jobs), ("/plugin/slow/handle", self.jobs)]
        self._threads = [threading.Thread(target=self._trigger, args=pair, daemon=True) for pair in paths]
        self._threads.append(threading.Thread(target=self._reload, daemon=True))
        for thread in self._threads:
            thread.start()

    def resume(self) -> None:
        self._running.set()

    def pause(self) -> None:
        self._running.clear()

    def close(self) -> None:
        self._over.set()
        self._running.set()
        for thread in self._threads:
            thread.join(10)

    def _trigger(self, path: str, accepted: set[str]) -> None:
        while self._running.wait() and not self._over.is_set():
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                contextlib.closing(http.client.HTTPConnection(*self._gateway.address, timeout=5)) as connection,
            ):
                self._send(connection, path, accepted)

    def _send(self, connection: http.client.HTTPConnection, path: str, accepted: set[str]) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        for _ in range(40):
            connection.request("POST", path, b"{}", headers)
            response = connection.getresponse()
            body = response.read()
            if response.status == 202:
                accepted.add(json.loads(body)["job_id"])
            # A pace that leaves the plugins a chance: each run is five jobs.
            self._over.wait(0.03)

    def _reload(self) -> None:
        while self._running.wait() and not self._over.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._gateway.configure(service={"max_hops": random.randint(10, 30)})
                if self._gateway.post("/system/reload", timeout=5).status == 200:
                    self.reloads += 1
            self._over.wait(0.05)


def strays(instance: str, gateway_pid: int) -> list[int]:
    """Processes of this instance that are not below this gateway."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            carries = f"DUCTILE_INSTANCE={instance}".encode() in (entry / "environ").read_bytes()
            if carries and not _below(int(entry.name), gateway_pid):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return False


@pytest.fixture
def book(gateway: Gateway) -> Path:
    book = gateway.folder / "book"
    for name, script in (("source", SOURCE), ("sink", SINK), ("slow", SLOW)):
        gateway.plugin(name, script.format(book=book))
    gateway.configure(
        service={"max_workers": 6, "log_level": "info"},
        pipelines=[
            {"name": "chain", "on": "go", "steps": [{"id": "a", "uses": "source"}, {"id": "b", "uses": "sink"}]}
        ],
    )
    return book


def instance_of(gateway: Gateway) -> str:
    identity: str = json.loads(next(gateway.folder.glob("*.instance")).read_text())["instance"]
    return identity


@pytest.mark.timeout(400)
def test_no_accepted_job_is_lost_doubled_or_orphaned_by_fifty_kills(gateway: Gateway, book: Path) -> None:
    chance = random.Random(time.time_ns())
    load = Load(gateway)
    killed_in_start = 0
    try:
        for kill in range(KILLS):
            gateway.launch()
            if kill % 8 == 7:
                # In the middle of its start: migration, sweep, rescue.
                time.sleep(chance.uniform(0.05, 0.7))
                killed_in_start += 1
            else:
                gateway.wait_ready()
                load.resume()
                assert gateway.process is not None
                assert strays(instance_of(gateway), gateway.process.pid) == []
                time.sleep(chance.uniform(*UP))
            gateway.kill()
            load.pause()
    finally:
        load.close()
    gateway.start()
    gateway.idle(within=120)
    assert gateway.stop() == 0
    assert strays(instance_of(gateway), 0) == []
    assert killed_in_start
    assert load.reloads
    assert len(load.runs) > KILLS
    check(gateway.folder / "state.db", load)
    pairs = Counter(book.read_text().splitlines())
    assert [pair for pair, count in pairs.items() if count > 1] == []


def check(database: Path, load: Load) -> None:
    """Every accepted job has ended as it must, no child is missing or doubled, and the file is sound."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute(
            "SELECT id, plugin, state, lost, open_jobs FROM jobs WHERE parent_id IS NULL"
        ).fetchall()
        roots = {row[0]: row[1:] for row in rows}
        accepted = load.runs | load.jobs
        assert accepted - roots.keys() == set()
        for plugin, state, lost, open_jobs in roots.values():
            assert (
                (state, open_jobs or 0) == ("succeeded", 0) or lost == 4 or (plugin == "pipeline" and state == "failed")
            )
        doubled = connection.execute(
            "SELECT parent_id, step, event_id, count(*) FROM jobs WHERE parent_id IS NOT NULL"
            " GROUP BY 1, 2, 3 HAVING count(*) > 1"
        ).fetchall()
        assert doubled == []
        wrong = connection.execute(
            "SELECT a.id, a.state, (SELECT count(*) FROM jobs b WHERE b.parent_id = a.id) AS children FROM jobs a"
            " WHERE a.step = 'a' AND children != (a.state = 'succeeded') * 3"
        ).fetchall()
        assert wrong == []
        unfinished = connection.execute(
            "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'dead')"
        ).fetchone()
        assert unfinished == (0,)
        counted = connection.execute(
            "SELECT plugin, command, state, n FROM counts WHERE n != 0 ORDER BY 1, 2, 3"
        ).fetchall()
        actual = connection.execute(
            "SELECT plugin, command, state, count(*) FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ).fetchall()
        assert counted == actual
