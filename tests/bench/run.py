"""The benchmark: each figure beside its bound, both measured in this run. `scripts/bench [scenario…]`."""

import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.bare import bare_server, serve_bare, spawn_rate
from bench.client import post, rate
from support.gateway import TOKEN, Gateway

SHELL = """#!/bin/sh
read -r request
echo '{"status": "ok", "result": "done"}'
"""
SECONDS = 3.0
ROUNDS = 3
PAGE = resource.getpagesize()


@contextmanager
def gateway(**service: Any) -> Iterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        one = Gateway(Path(folder))
        one.plugin("shell", SHELL)
        one.configure(service={"log_level": "info", **service})
        try:
            yield one.start()
        finally:
            one.close()


def row(what: str, figures: list[float], bounds: list[float], unit: str) -> dict[str, Any]:
    figure, bound = statistics.median(figures), statistics.median(bounds)
    spread = (max(figures) - min(figures)) / figure if figure else 0.0
    return {
        "what": what,
        "figure": round(figure, 3),
        "bound": round(bound, 3),
        "ratio": round(figure / bound, 3) if bound else None,
        "spread": round(spread, 3),
        "unit": unit,
    }


def ingest() -> Iterator[dict[str, Any]]:
    """Durable 202s a second against a bare aiohttp handler that parses the same JSON. Nothing is run meanwhile."""
    body = json.dumps({"payload": {"text": "x" * 980}}).encode()
    request = post("/plugin/shell/handle", TOKEN, body)
    for connections in (1, 32, 128):
        ours, bare = [], []
        for _ in range(ROUNDS):
            with bare_server() as address:
                bare.append(rate(address, request, connections, SECONDS))
            with gateway() as one:
                one.post("/system/pause")
                ours.append(rate(one.address, request, connections, SECONDS))
        yield row(f"durable 202s, 1 KB, {connections} connections", ours, bare, "/s")


def latency() -> Iterator[dict[str, Any]]:
    """A call that waits, on an idle gateway: submitted, run, settled and read back; beside it the bare spawn alone."""
    with gateway() as one:
        executable = one.plugins / "shell" / "run"
        bare, ours = [], []
        for n in range(220):
            began = time.perf_counter()
            spawn_rate(executable, b"{}\n", 1, 1)
            bare.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            assert one.post("/plugin/shell/handle?wait=5", {}).status == 200
            if n >= 20:
                ours.append((time.perf_counter() - began) * 1000)
        ours.sort()
        own = statistics.median(bare)
        yield row("waiting call to settled, p50 (bound: the bare spawn)", [statistics.median(ours)], [own], "ms")
        yield row("waiting call to settled, p99 (bound: the bare spawn)", [ours[int(len(ours) * 0.99)]], [own], "ms")


def spawn() -> Iterator[dict[str, Any]]:
    """Shell jobs a second, 4 at once, against a bare posix_spawn and pidfd loop."""
    jobs = 4000
    ours, bare = [], []
    for _ in range(ROUNDS):
        with gateway(max_workers=4) as one:
            bare.append(spawn_rate(one.plugins / "shell" / "run", b"{}\n" * 100, 4, jobs))
            one.post("/system/pause")
            request = post("/plugin/shell/handle", TOKEN, b"{}")
            while one.get("/healthz")["queue_depth"] < jobs:
                rate(one.address, request, 32, 0.5)
            queued = one.get("/healthz")["queue_depth"]
            began = time.perf_counter()
            one.post("/system/resume")
            while one.get("/healthz")["queue_depth"] > 0:
                time.sleep(0.05)
            ours.append(queued / (time.perf_counter() - began))
    yield row("shell jobs, 4 at once (bound: bare spawn loop)", ours, bare, "/s")


def footprint() -> Iterator[dict[str, Any]]:
    """Start to `/healthz` 200 with 100 plugins; resident memory and processor time of an idle gateway."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        one = Gateway(Path(folder))
        for n in range(100):
            one.plugin(f"shell{n}", SHELL)
        one.configure()
        starts = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            one.start()
            one.get("/healthz")
            starts.append((time.perf_counter() - began) * 1000)
            one.stop()
        one.start()
        assert one.process is not None
        pid = one.process.pid
        time.sleep(2)
        before, began = _cpu(pid), time.perf_counter()
        time.sleep(20)
        share = (_cpu(pid) - before) / (time.perf_counter() - began) * 100
        memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6
        one.stop()
    yield row("start to /healthz with 100 plugins (bound: 600 ms)", starts, [600.0], "ms")
    yield row("idle memory (bound: 80 MB)", [memory], [80.0], "MB")
    yield row("idle processor (bound: 0.2 %)", [share], [0.2], "%")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


SCENARIOS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "ingest": ingest,
    "latency": latency,
    "spawn": spawn,
    "footprint": footprint,
}


def main(names: list[str]) -> int:
    if names == ["serve-bare"]:
        serve_bare()
    unknown = set(names) - SCENARIOS.keys()
    if unknown:
        print(f"unknown scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    print(f"# {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, fsync on every commit")
    for name in names or SCENARIOS:
        for found in SCENARIOS[name]():
            print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
