"""Where a scenario works: a gateway of its own in a folder of its own, its processes seen from outside."""

import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.client import Line, Plan, crowd, post
from support.gateway import TOKEN, Gateway

ROOT = Path(__file__).parents[2]
WORKERS = 4
SHELL = """#!/bin/sh
read -r request
echo '{"status": "ok", "result": "done"}'
"""
# The interpreter itself, not a virtual environment's or a version manager's: it starts fastest.
PYTHON = Path(sys.executable).resolve()
SCRIPT = f"""#!{PYTHON}
import json
import sys

request = json.load(sys.stdin)
print(json.dumps({{"status": "ok", "result": request.get("config", {{}}).get("stamp", "done")}}))
"""
WORKER = f"""#!{PYTHON}
from ductile_plugin import Plugin

plugin = Plugin()


@plugin.command
def handle(request):
    for n in range(request.payload.get("burst", 0)):
        request.emit("bench.item", {{"n": n}})
    return "done"


plugin.run()
"""
_PAGE = resource.getpagesize()
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is measured."""

    rounds: int = 3
    quick: bool = False

    def scaled(self, full: int, quick: int) -> int:
        """How many, of a full and of a quick run."""
        return quick if self.quick else full

    @property
    def seconds(self) -> float:
        """How long a rate is taken."""
        return 0.7 if self.quick else 4.0


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes with all that is in it."""
    with tempfile.TemporaryDirectory(prefix="ductile-bench-") as name:
        yield Path(name)


@contextmanager
def gateway(*, start: bool = True, **sections: Any) -> Iterator[Gateway]:
    """A gateway with a plugin for each runner, started; ended with all that it has started."""
    with folder() as home:
        one = Gateway(home)
        plant(one)
        configure(one, **sections)
        try:
            yield one.start() if start else one
        finally:
            _end(one)


@contextmanager
def installed() -> Iterator[None]:
    """Interpreters find compiled modules, as those of an installation do, wherever the code stands and may write."""
    before = dict(os.environ)
    with folder() as cache:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(cache)
        try:
            with gateway():  # the first one compiles
                pass
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def plant(one: Gateway) -> None:
    """The plugins: `shell`, `script` (Python, as anybody writes it) and `worker` (with the author library)."""
    one.plugin("shell", SHELL)
    one.plugin("script", SCRIPT)
    home = one.plugin("worker", WORKER, lifecycle="persistent")
    (home / "ductile_plugin.py").write_bytes((ROOT / "ductile/author/ductile_plugin.py").read_bytes())


def configure(one: Gateway, **sections: Any) -> None:
    """Its configuration; sections given are merged over it."""
    defaults: dict[str, dict[str, Any]] = {
        "service": {"log_level": "info", "max_workers": WORKERS, "job_queue_retention": "3650d"},
        "api": {"max_concurrent_sync": 64},
        "plugins": {
            "slow": {"uses": "script", "runner": "spawn"},
            "forked": {"uses": "script", "runner": "fork"},
        },
    }
    one.configure(**{name: {**known, **sections.pop(name, {})} for name, known in defaults.items()}, **sections)


def _end(one: Gateway) -> None:
    """Gracefully, so that it leaves nothing; by force where that fails."""
    try:
        if one.process is not None and one.process.poll() is None:
            one.stop()
    finally:
        one.close()


def pid_of(one: Gateway) -> int:
    """Its process."""
    assert one.process is not None
    return one.process.pid


def caller(one: Gateway) -> Line:
    """A connection to it that stays open."""
    return Line(one.address, TOKEN)


def trigger(plugin: str, payload: Any = None, query: str = "") -> bytes:
    """The bytes of a call of the plugin's `handle`."""
    return post(f"/plugin/{plugin}/handle{query}", TOKEN, {"payload": payload or {}})


def rows(one: Gateway, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What its database says, read beside it."""
    uri = f"file:{one.folder / 'state.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
        return list(connection.execute(query, values))


def newest(one: Gateway) -> int:
    """The last attempt so far."""
    return int(rows(one, "SELECT coalesce(max(rowid), 0) FROM attempts")[0][0])


def queue(one: Gateway, plugin: str, jobs: int, payload: Any = None) -> None:
    """Queues so many jobs and not one more."""
    plan = Plan(address=one.address, request=trigger(plugin, payload), connections=min(64, jobs), calls=jobs)
    crowd(plan).checked()


def drain(one: Gateway, plugin: str, jobs: int, payload: Any = None) -> float:
    """Completed jobs a second, by their rows: so many are queued while it is paused, and then let go."""
    with caller(one) as line:
        assert line.post("/system/pause")[0] == 200
        queue(one, plugin, jobs, payload)
        before = newest(one)
        assert line.post("/system/resume")[0] == 200
        settled(one, line)
    return completed(one, plugin, before, jobs)


def completed(one: Gateway, plugin: str, after: int, jobs: int) -> float:
    """How many a second ended, from the first start to the last end; all must have succeeded."""
    ended, good, began, over = rows(
        one,
        "SELECT count(*), sum(outcome = 'succeeded'), min(started_at), max(ended_at) FROM attempts"
        " WHERE rowid > ? AND plugin = ?",
        after,
        plugin,
    )[0]
    if ended != jobs or good != jobs:
        raise RuntimeError(f"of {jobs} jobs of {plugin} {ended} ended, {good} of them well")
    return float(jobs / max(0.001, (over - began) / 1000))


def settled(one: Gateway, line: Line, *, within: float = 600.0) -> None:
    """Waits until nothing is queued and nothing runs."""
    until = time.monotonic() + within
    while line.get("/healthz")["queue_depth"] or _unfinished(one):
        if time.monotonic() > until:
            raise RuntimeError(f"jobs are still open after {within} s")
        time.sleep(0.05)


def _unfinished(one: Gateway) -> int:
    return int(rows(one, "SELECT count(*) FROM jobs WHERE ended_at IS NULL")[0][0])


def warm(one: Gateway, plugin: str) -> None:
    """Starts what the plugin keeps warm: as many as run at once."""
    drain(one, plugin, 100)


def processor(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def share(pid: int, seconds: float) -> float:
    """Percent of one processor that it takes, over so many seconds."""
    before, began = processor(pid), time.perf_counter()
    time.sleep(seconds)
    return (processor(pid) - before) / (time.perf_counter() - began) * 100


def memory(pid: int) -> float:
    """Its resident megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6


def started(one: Gateway) -> float:
    """Starts it; the milliseconds until `/healthz` answers 200."""
    began = time.perf_counter()
    one.start()
    with caller(one) as line:
        line.get("/healthz")
    return (time.perf_counter() - began) * 1000


def one_by_one(line: Line, request: bytes, calls: int, status: int = 200) -> list[float]:
    """Milliseconds of each of so many calls, one after the other."""
    found = []
    for _ in range(calls):
        began = time.perf_counter()
        got, body = line.send(request)
        found.append((time.perf_counter() - began) * 1000)
        if got != status:
            raise RuntimeError(f"answered {got}, not {status}: {body!r}")
    return found
