"""A worker of the `persistent` runner: a process that answers many requests, a JSON line each.

It says `{"ready": true, "protocol": 2, "concurrency": 1}` first. A request is one line, as a one-shot plugin reads it,
with `id` (job and attempt) before it; its answer is the response with the same `id`, after any number of
`{"id", "progress"}` and `{"id", "log"}`. `{"cancel": id}` asks it to end a request. Lines that are nothing of this
are log lines. A worker that declares `heartbeat` (seconds) says something at least that often while it is at work.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
import structlog

from ductile.plugin import sweep
from ductile.plugin.runner.call import STDERR_LIMIT, STDOUT_LIMIT, Call, Stop
from ductile.plugin.runner.capture import Ends
from ductile.plugin.runner.child_processes import DEATH_SECONDS, UNKNOWN_EXIT, ChildProcesses, Work
from ductile.plugin.runner.feed import Feed
from ductile.plugin.runner.frames import FRAMES
from ductile.plugin.runner.output_holders import end_holders
from ductile.plugin.runner.pulse import MISSED, Pulse
from ductile.plugin.runner.request import Request
from ductile.plugin.runner.spawn import launch_with_pipes
from ductile.plugin.runner.worker_age import is_worn
from ductile.plugin.runner.worker_greeting import read_greeting

HELLO_SECONDS = 30.0
"""How long a worker may take to say that it is ready."""

_CHUNK = 262_144
"""Bytes a read."""

_DRAIN_READS = 64
"""Reads of what a dead worker has left in its pipes."""

_log = structlog.get_logger()


class Worker:
    """A process and its open requests.

    `changed` is told when it is ready, has room again, takes no more, or is gone.
    """

    def __init__(
        self, call: Call, env: Mapping[str, str], changed: Callable[["Worker"], None], children: ChildProcesses
    ) -> None:
        self._children = children
        self._changed = changed
        self._rules = call.workers
        self._name = call.executable.parent.name
        self._instance, self._id = call.instance, env["DUCTILE_WORKER"]
        self._grace = call.kill_grace / 1000
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self.requests: dict[str, Request] = {}
        self.concurrency = 0
        """Requests that it takes at once; 0 until it is ready."""
        self.leaving = False
        self.failed = False
        """It ended though nobody asked it to."""
        self.served = 0
        self.exit_code: int | None = None
        """Once it is gone."""
        self.said = Ends(STDERR_LIMIT)
        """What it wrote on stderr before it was ready."""
        self.gone = asyncio.Event()
        self._guilty: Request | None = None
        self._work: Work | None = None
        """The request whose mark its new processes carry, where it takes one at a time."""
        self._pulse = Pulse(lambda: self.recycle(f"it has said nothing for {MISSED} heartbeats"))
        self._line = bytearray()
        self._read_bytes = 0
        self._open(call, env)
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(HELLO_SECONDS, self._silent)

    def _open(self, call: Call, env: Mapping[str, str]) -> None:
        self._number = self._children.begin_helper(self._id)
        try:
            opened = launch_with_pipes(call, env)
        except BaseException:
            self._children.forget(self._number)
            raise
        self.pid, self._pidfd = opened.pid, opened.pidfd
        self._stdout, self._stderr = opened.stdout, opened.stderr
        self._children.started(self.pid)
        self._feed = Feed(opened.stdin)
        self._outputs = {self._stdout, self._stderr}
        for fd in self._outputs:
            os.set_blocking(fd, False)
        self._loop.add_reader(self._pidfd, self._exited)
        self._loop.add_reader(self._stdout, self._read_answers)
        self._loop.add_reader(self._stderr, self._read_notes)

    @property
    def has_room(self) -> bool:
        """Whether it can take a request now."""
        return not self.leaving and len(self.requests) < self.concurrency

    def take(self, request: Request) -> None:
        """Hands a request over."""
        request.worker = self
        request.taken.set()
        self.requests[request.id] = request
        self.served += 1
        if self.concurrency == 1:
            self._work = self._children.begin_work(request.call.job_id, self.pid)
        self._beat()
        self._feed.send(request.line)

    def cancel(self, request: Request) -> None:
        """Asks for the end of a request."""
        self._feed.send(b'{"cancel":"%s"}\n' % request.id.encode())

    def retire(self) -> None:
        """Takes no more requests, and ends with its last one: its stdin is closed then."""
        if not self.leaving:
            self.leaving = True
            self._changed(self)
        if not self.requests and not self.gone.is_set():
            self._feed.close()
            self._arm(self._grace, self.kill)

    def recycle(self, reason: str, guilty: Request | None = None) -> None:
        """Ends it now: what else it was asked is lost, through no fault of its own."""
        if self.gone.is_set() or self._guilty is not None:
            return
        _log.warning("worker recycled", plugin=self._name, pid=self.pid, reason=reason)
        self._guilty = guilty
        self.leaving = True
        self.kill()
        self._changed(self)

    def kill(self) -> None:
        """Kills it and its group."""
        if self.exit_code is None:
            self._arm(DEATH_SECONDS, self._give_up)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    # ------------------------------------------------------------------ what comes out

    def _read_answers(self) -> None:
        chunk = self._read(self._stdout)
        if not chunk:
            return
        self._beat()
        self._line += chunk
        if b"\n" in chunk:
            *lines, rest = self._line.split(b"\n")
            self._line = bytearray(rest)
            for line in lines:
                if len(line) > STDOUT_LIMIT:
                    self._flooded()
                    return
                self._heard(bytes(line))
        if len(self._line) > STDOUT_LIMIT:
            self._line.clear()
            self._flooded()

    def _read_notes(self) -> None:
        chunk = self._read(self._stderr)
        if not chunk:
            return
        self._beat()
        if not self.concurrency:
            self.said.take(chunk)
        for request in self.requests.values():
            request.stderr.take(chunk)
        if not self.requests and self.concurrency:
            self._note(chunk)

    def _read(self, fd: int) -> bytes:
        """What stands in the pipe; empty where there is nothing now, or nothing more for ever."""
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            chunk = b""
        if not chunk:
            self._loop.remove_reader(fd)
            os.close(fd)
            self._outputs.discard(fd)
        self._read_bytes += len(chunk)
        return chunk

    def _heard(self, line: bytes) -> None:
        """One line of stdout."""
        if not line.strip():
            return
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            self._noted(line)
            return
        if isinstance(value, dict) and not self.concurrency:
            self._greeted(value)
        elif isinstance(value, dict) and "id" in value:
            self._answered(value, line)
        elif not isinstance(value, dict) or value.keys() != {"heartbeat"}:
            self._noted(line)

    def _greeted(self, hello: Mapping[str, Any]) -> None:
        if hello.get("ready") is not True:
            self._noted(orjson.dumps(hello))
            return
        greeting = read_greeting(hello)
        if greeting is None:
            self.said.take(b"the worker's first line must have `protocol: 2` and `concurrency` of 1 or more\n")
            self.recycle("its first line is no greeting of protocol 2")
            return
        self.concurrency, self._pulse.interval = greeting.concurrency, greeting.heartbeat
        self._disarm()
        self._changed(self)

    def _answered(self, value: dict[str, Any], line: bytes) -> None:
        request = self.requests.get(value["id"]) if isinstance(value["id"], str) else None
        if request is None:
            _log.warning("worker answered nobody", plugin=self._name, pid=self.pid, id=str(value["id"])[:100])
            return
        if len(value) == 2 and not FRAMES.isdisjoint(value):  # noqa: PLR2004 - the id and itself
            del value["id"]
            request.take(value)
            return
        if self._stderr in self._outputs:
            self._read_notes()  # what it noted before it answered
        del self.requests[request.id]
        request.end(stdout=line)
        self._freed()

    def _noted(self, line: bytes) -> None:
        """A line for people: a log entry of what is at work, else of the gateway."""
        text = line.decode(errors="replace")
        for request in self.requests.values():
            request.take({"log": text})
        if not self.requests:
            self._note(line)

    def _note(self, words: bytes) -> None:
        _log.info("worker said", plugin=self._name, pid=self.pid, words=words[:2_000].decode(errors="replace"))

    def _flooded(self) -> None:
        for request in tuple(self.requests.values()):
            request.stopped = request.stopped or Stop.FLOODED
        self.recycle("it wrote a line of more than 10 MiB")

    def _freed(self) -> None:
        """A request has ended: it has room, or has served long enough."""
        self._end_work()
        self._beat()
        age = self._loop.time() - self._born
        if self.leaving or is_worn(self._rules, served=self.served, seconds=age, pid=self.pid):
            self.retire()
        else:
            self._changed(self)

    def _end_work(self) -> None:
        """What it started for its request ends with that."""
        work, self._work = self._work, None
        if work is not None:
            self._children.end_work(work, self._number)

    # ------------------------------------------------------------------ its end

    def _beat(self) -> None:
        self._pulse.beat(at_work=bool(self.requests))

    def _silent(self) -> None:
        self.said.take(f"it was not ready within {HELLO_SECONDS:.0f} s\n".encode())
        self.recycle(f"it was not ready within {HELLO_SECONDS:.0f} s")

    def _exited(self) -> None:
        """It is dead and not reaped; what it wrote is in the pipes."""
        self._loop.remove_reader(self._pidfd)
        self._disarm()
        self.failed = not self.leaving or not self.concurrency
        self.leaving = True
        self._drain()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._children.reap(self.pid, self._pidfd)
        if not self.gone.is_set():  # it was not given up before
            self._reaped(code)

    def _give_up(self) -> None:
        """It does not die: it is inside the kernel, or another user's. It is reaped whenever it does."""
        _log.error("a worker does not die", plugin=self._name, pid=self.pid)
        self.leaving = True
        self._reaped(-signal.SIGKILL)

    def _drain(self) -> None:
        """Reads what is in the pipes, up to an end where someone goes on writing."""
        for _ in range(_DRAIN_READS):
            before = self._read_bytes
            for fd in tuple(self._outputs):
                (self._read_answers if fd == self._stdout else self._read_notes)()
            if self._read_bytes == before:
                return

    def _reaped(self, code: int) -> None:
        self.exit_code = code
        self._feed.close()
        self._end_work()
        self._children.end(self._number, self._ended_orphans)

    def _ended_orphans(self, _found: bool) -> None:  # noqa: FBT001 - the type of who is told
        """All that was left to the gateway is dead. What holds the output still is found by its variables."""
        self._drain()
        if not self._outputs:
            self._complete()
            return
        end_holders(sweep.kill_worker, self._instance, self._id, self._complete)

    def _complete(self) -> None:
        if self.gone.is_set():
            return
        self._disarm()
        self._drain()
        for fd in tuple(self._outputs):
            self._loop.remove_reader(fd)
            os.close(fd)
        self._outputs.clear()
        self._pulse.stop()
        self.gone.set()
        code = self.exit_code if self.exit_code is not None else UNKNOWN_EXIT
        alone = len(self.requests) == 1 and self._guilty is None
        for request in self.requests.values():
            crashed = request is self._guilty or request.stopped is not None or alone
            request.end(stdout=bytes(self._line) if alone else b"", exit_code=code, stop=None if crashed else Stop.LOST)
        self.requests.clear()
        self._changed(self)

    def _arm(self, seconds: float, callback: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, callback)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
