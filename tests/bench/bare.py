"""The bounds: the least that could do the same work on this machine, measured beside us in the same run."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from aiohttp import web


def serve_bare() -> None:
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
def bare_server() -> Iterator[tuple[str, int]]:
    """The bare application in a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "run.py"), "serve-bare"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield "127.0.0.1", int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


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
