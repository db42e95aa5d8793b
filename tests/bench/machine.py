"""What the figures were taken on."""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ductile.store.sqlite.database import open_database

SYNCHRONOUS = ("off", "normal", "full", "extra")


def header(*, rounds: int, quick: bool) -> dict[str, Any]:
    """Machine, versions, and how durable a commit is where the databases stand."""
    with tempfile.TemporaryDirectory(prefix="ductile-bench-") as folder:
        return {
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "cpu": cpu(),
            "cores": len(os.sched_getaffinity(0)),
            "kernel": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "commit": commit_mode(Path(folder)),
            "filesystem": filesystem(Path(folder)),
            "fsync_ms": fsync_time(Path(folder)),
            "load": os.getloadavg()[0],
            "rounds": rounds,
            "quick": quick,
        }


def cpu() -> str:
    """The processor's own name."""
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith(("model name", "Model")):
            return text.partition(":")[2].strip()
    return platform.machine()


def commit_mode(folder: Path) -> str:
    """How the gateway's own writer commits."""
    with closing(open_database(folder / "state.db")) as db:
        ((journal,),) = db.execute("PRAGMA journal_mode")
        ((synchronous,),) = db.execute("PRAGMA synchronous")
    mode = SYNCHRONOUS[synchronous]
    says = "fsync at every commit" if mode in ("full", "extra") else "no fsync at a commit"
    return f"{journal.upper()}, synchronous={mode.upper()}: {says}"


def filesystem(folder: Path) -> str:
    """The kind of file system that a folder is on: on tmpfs an fsync costs nothing."""
    place, found = folder.resolve(), ("", "unknown")
    for text in Path("/proc/mounts").read_text().splitlines():
        _device, mounted, kind, *_ = text.split(" ")
        if place.is_relative_to(mounted.replace("\\040", " ")) and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1]


def fsync_time(folder: Path) -> float:
    """Milliseconds of an fsync behind a write of 4 KB, the median of a hundred."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def lines(header: dict[str, Any]) -> list[tuple[str, str]]:
    """The header as people read it."""
    rounds = f"{header['rounds']}{', short' if header['quick'] else ''}"
    return [
        ("Date", header["date"]),
        ("Machine", f"{header['cpu']}, {header['cores']} cores, {header['kernel']}"),
        ("Versions", f"Python {header['python']}, SQLite {header['sqlite']}"),
        ("Commits", f"{header['commit']}, on {header['filesystem']}; an fsync takes {header['fsync_ms']:.2f} ms"),
        ("Rounds", f"{rounds}; load average {header['load']:.1f} at the start"),
    ]
