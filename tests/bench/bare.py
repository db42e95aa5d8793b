"""The bounds: the least that could do the same work on this machine, measured beside us in the same run."""

import asyncio
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
from aiohttp import web

SERVE = "serve-bare"
"""The argument that makes the benchmark's own script the bare server."""


def serve() -> None:
    """A bare aiohttp application: parses the JSON, answers 202 with a small document. Prints its port."""

    async def accept(request: web.Request) -> web.Response:
        orjson.loads(await request.read())
        return web.Response(
            status=202, body=orjson.dumps({"job_id": "x" * 36, "status": "queued"}), content_type="application/json"
        )

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/plugin/{plugin}/{command}", accept)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """The bare application in a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "run.py"), SERVE], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield "127.0.0.1", int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def request_line(plugin: str, number: int = 0, identity: str = "") -> bytes:
    """A request of the size and shape that the gateway sends."""
    job = f"00000000-0000-7000-8000-{number:012}"
    event = {"type": "api.trigger", "payload": {}, "source": "api", "timestamp": "2026-01-01T00:00:00Z"}
    request = {
        **({"id": identity} if identity else {}),
        "protocol": 2,
        "job_id": job,
        "attempt": 1,
        "plugin": plugin,
        "instance": plugin,
        "command": "handle",
        "config": {},
        "state": {},
        "context": {},
        "payload": {},
        "deadline_at": "2026-01-01T00:02:00Z",
        "event": {**event, "event_id": job},
    }
    return orjson.dumps(request) + b"\n"


def spawn_rate(executable: Path, stdin: bytes, concurrency: int, jobs: int) -> float:
    """Runs a second of a bare posix_spawn and pidfd loop: a pipe in, a pipe out, nothing kept."""
    poller = select.poll()
    running: dict[int, tuple[int, int]] = {}
    started = ended = 0
    began = time.perf_counter()
    while ended < jobs:
        while started < jobs and len(running) < concurrency:
            pidfd, entry = _spawn(executable, stdin)
            running[pidfd] = entry
            poller.register(pidfd, select.POLLIN)
            started += 1
        for pidfd, _event in poller.poll():
            pid, out = running.pop(pidfd)
            poller.unregister(pidfd)
            os.waitpid(pid, 0)
            while os.read(out, 65536):
                pass
            os.close(out)
            os.close(pidfd)
            ended += 1
    return jobs / (time.perf_counter() - began)


def _spawn(executable: Path, stdin: bytes) -> tuple[int, tuple[int, int]]:
    theirs_in, ours_in = os.pipe2(os.O_CLOEXEC)
    ours_out, theirs_out = os.pipe2(os.O_CLOEXEC)
    pid = os.posix_spawn(
        str(executable),
        [str(executable)],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs_in, 0), (os.POSIX_SPAWN_DUP2, theirs_out, 1)],
        setpgroup=0,
        setsigdef=[signal.SIGPIPE],
    )
    os.close(theirs_in)
    os.close(theirs_out)
    os.write(ours_in, stdin)
    os.close(ours_in)
    return os.pidfd_open(pid), (pid, ours_out)


class _Worker:
    """A persistent plugin, spoken to in JSON Lines."""

    def __init__(self, executable: Path) -> None:
        self._process = subprocess.Popen(
            [str(executable)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "DUCTILE_LIFECYCLE": "persistent"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self.out = self._process.stdin, self._process.stdout
        self.read()

    def ask(self, number: int) -> None:
        self._in.write(request_line("worker", number, f"{number}/1"))
        self._in.flush()

    def read(self) -> None:
        """One line; workers have one request at a time, so that nothing more is buffered."""
        if not orjson.loads(self.out.readline()):
            raise RuntimeError("an empty answer")

    def close(self) -> None:
        self._in.close()
        self._process.kill()
        self._process.wait()
        self.out.close()


@contextmanager
def _workers(executable: Path, count: int) -> Iterator[list[_Worker]]:
    made: list[_Worker] = []
    try:
        made.extend(_Worker(executable) for _ in range(count))  # those made before one fails are there to be closed
        yield made
    finally:
        for worker in made:
            worker.close()


def lines_rate(executable: Path, workers: int, jobs: int) -> float:
    """Answers a second of so many workers, each with one request at a time; requests encoded, answers parsed."""
    with _workers(executable, workers) as all_of_them, closing(select.epoll()) as poller:
        by_fd = {worker.out.fileno(): worker for worker in all_of_them}
        began = time.perf_counter()
        asked = answered = 0
        for fd, worker in by_fd.items():
            poller.register(fd, select.EPOLLIN)
            worker.ask(asked)
            asked += 1
        while answered < jobs:
            for fd, _event in poller.poll():
                by_fd[fd].read()
                answered += 1
                if asked < jobs:
                    by_fd[fd].ask(asked)
                    asked += 1
        return answered / (time.perf_counter() - began)


def spawn_times(executable: Path, calls: int) -> list[float]:
    """Milliseconds of each of so many bare runs, one after the other."""
    stdin = request_line("shell")
    return [1000 / spawn_rate(executable, stdin, 1, 1) for _ in range(calls)]


def lines_times(executable: Path, calls: int) -> list[float]:
    """Milliseconds of each of so many bare answers of one worker, one after the other."""
    found = []
    with _workers(executable, 1) as (worker,):
        for n in range(calls):
            began = time.perf_counter()
            worker.ask(n)
            worker.read()
            found.append((time.perf_counter() - began) * 1000)
    return found


def commit_times(folder: Path, commits: int) -> list[float]:
    """Milliseconds of each of so many durable commits of a small row, by SQLite alone."""
    found = []
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, payload BLOB)")
        for _ in range(commits):
            began = time.perf_counter()
            db.execute("INSERT INTO jobs (payload) VALUES (zeroblob(1000))")
            found.append((time.perf_counter() - began) * 1000)
    return found


def interpreter_time() -> float:
    """Milliseconds that an interpreter takes to start and do nothing."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - began) * 1000
