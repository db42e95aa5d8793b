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

import structlog

from ductile.plugin import sweep
from ductile.plugin.runner.child_processes import DEATH_SECONDS, UNKNOWN_EXIT, ChildProcesses, Work
from ductile.plugin.runner.heartbeat import MAX_MISSED_BEATS, Heartbeat
from ductile.plugin.runner.idle_output import IdleOutput
from ductile.plugin.runner.interface import RunnerCall, StopReason
from ductile.plugin.runner.output_holders import end_holders
from ductile.plugin.runner.pipe_state import count_readable
from ductile.plugin.runner.pipe_writer import PipeWriter
from ductile.plugin.runner.read_size import ReadSize
from ductile.plugin.runner.spawn_runner import launch_with_pipes
from ductile.plugin.runner.worker_age import needs_recycling
from ductile.plugin.runner.worker_dialogue import Dialogue
from ductile.plugin.runner.worker_request import WorkerRequest

HELLO_SECONDS = 30.0
"""How long a worker may take to say that it is ready."""

_CHUNK_BYTES = 262_144
"""Bytes a read."""

_DRAIN_BYTES = 4 * 1024 * 1024
"""How much is read of what a dead worker has left in its pipes: more than they hold, and an end where somebody goes on
writing."""


_log = structlog.get_logger()


class Worker:
    """A process and its open requests.

    `changed` is told when it is ready, has room again, takes no more, or is gone.
    """

    def __init__(
        self, call: RunnerCall, env: Mapping[str, str], changed: Callable[["Worker"], None], children: ChildProcesses
    ) -> None:
        self._children = children
        self._on_change = changed
        self._rules = call.workers
        self._name = call.executable.parent.name
        self._instance, self._id = call.instance, env["DUCTILE_WORKER"]
        self._grace = call.kill_grace / 1000
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self.leaving = False
        self.failed = False
        """It ended though nobody asked it to."""
        self.served = 0
        self.exit_code: int | None = None
        """Once it is gone."""
        self.fault: str | None = None
        """Why it was ended; None where nothing was found wrong with it."""
        self.broken = False
        """The fault is one of the plugin that another worker would have, too."""
        self.gone = asyncio.Event()
        self._culprit: WorkerRequest | None = None
        self._work: Work | None = None
        """The request whose mark its new processes carry, where it takes one at a time."""
        self._pulse = Heartbeat(lambda: self.recycle(f"it has said nothing for {MAX_MISSED_BEATS} heartbeats"))
        self._read_size = ReadSize(_CHUNK_BYTES)
        self._read_bytes = 0
        self._open(call, env)
        idle = IdleOutput(self._name, self.pid, call.output.max_idle_bytes, self._loop.time)
        self.dialogue = Dialogue(self, call.output, idle)
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(HELLO_SECONDS, self._on_silence)

    def _open(self, call: RunnerCall, env: Mapping[str, str]) -> None:
        self._number = self._children.begin_helper(self._id)
        try:
            opened = launch_with_pipes(call, env)
        except BaseException:
            self._children.forget(self._number)
            raise
        self.pid, self._pidfd = opened.pid, opened.pidfd
        self._stdout, self._stderr = opened.stdout, opened.stderr
        self._children.enter(self.pid)
        self._feed = PipeWriter(opened.stdin)
        self._outputs = {self._stdout, self._stderr}
        for fd in self._outputs:
            os.set_blocking(fd, False)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._loop.add_reader(self._stdout, self._read_answers)
        self._loop.add_reader(self._stderr, self.read_notes)

    @property
    def requests(self) -> Mapping[str, WorkerRequest]:
        """Those that it has, by id."""
        return self.dialogue.requests

    @property
    def concurrency(self) -> int:
        """Requests that it takes at once; 0 until it is ready."""
        return self.dialogue.concurrency

    @property
    def has_room(self) -> bool:
        """Whether it can take a request now."""
        dialogue = self.dialogue
        return not self.leaving and len(dialogue.requests) < dialogue.concurrency

    def take(self, request: WorkerRequest) -> None:
        """Hands a request over."""
        request.worker = self
        request.taken.set()
        self.dialogue.begin(request)
        self.served += 1
        if self.dialogue.concurrency == 1:
            self._work = self._children.begin_work(request.call.job_id, self.pid)
        self._beat()
        self._feed.send(request.line)

    def cancel(self, request: WorkerRequest) -> None:
        """Asks for the end of a request."""
        self._feed.send(b'{"cancel":"%s"}\n' % request.id.encode())

    def retire(self) -> None:
        """Takes no more requests, and ends with its last one: its stdin is closed then."""
        if not self.leaving:
            self.leaving = True
            self._on_change(self)
        if not self.requests and not self.gone.is_set():
            self._feed.close()
            self._arm(self._grace, self.kill)

    def recycle(self, reason: str, culprit: WorkerRequest | None = None, *, broken: bool = False) -> None:
        """Ends it now: what else it was asked is lost, through no fault of its own.

        `broken`: the plugin is at fault, and another worker would be the same.
        """
        if self.gone.is_set() or self._culprit is not None:
            return
        _log.warning("worker recycled", plugin=self._name, pid=self.pid, reason=reason)
        self.fault, self.broken = reason, broken
        self._culprit = culprit
        self.leaving = True
        self.kill()
        self._on_change(self)

    def kill(self) -> None:
        """Kills it and its group."""
        if self.exit_code is None:
            self._arm(DEATH_SECONDS, self._give_up)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    # ------------------------------------------------------------------ what comes out

    def _read_answers(self) -> None:
        chunk = self._read(self._stdout, self._read_size.bytes)
        if chunk:
            self._beat()
            self._read_size.follow(chunk, self.dialogue.take_output(chunk))

    def read_notes(self) -> None:
        """Reads what it has written on stderr."""
        chunk = self._read(self._stderr, _CHUNK_BYTES) if self._stderr in self._outputs else b""
        if chunk:
            self._beat()
            self.dialogue.take_notes(chunk)

    def read_waiting_notes(self) -> None:
        """Reads what stands in stderr now. Most answers come without: to ask costs less than to read nothing."""
        if self._stderr in self._outputs and count_readable(self._stderr):
            self.read_notes()

    def _read(self, fd: int, size: int) -> bytes:
        """What stands in the pipe; empty where there is nothing now, or nothing more for ever."""
        try:
            chunk = os.read(fd, size)
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

    def on_greeting(self, heartbeat: float | None) -> None:
        """It is ready."""
        self._pulse.interval = heartbeat
        self._disarm()
        self._on_change(self)

    def on_answer(self) -> None:
        """A request has ended: it has room, or has served long enough."""
        self._end_work()
        self._beat()
        age = self._loop.time() - self._born
        if self.leaving or needs_recycling(self._rules, served=self.served, seconds=age, pid=self.pid):
            self.retire()
        else:
            self._on_change(self)

    def _end_work(self) -> None:
        """What it started for its request ends with that."""
        work, self._work = self._work, None
        if work is not None:
            self._children.end_work(work, self._number)

    # ------------------------------------------------------------------ its end

    def _beat(self) -> None:
        self._pulse.beat(at_work=bool(self.dialogue.requests))

    def _on_silence(self) -> None:
        self.recycle(f"the worker did not say hello within {HELLO_SECONDS:g} s")

    def _on_exit(self) -> None:
        """It is dead and not reaped; what it wrote is in the pipes."""
        self._loop.remove_reader(self._pidfd)
        self._disarm()
        self.failed = not self.leaving or not self.concurrency
        self.leaving = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._children.reap(self.pid, self._pidfd)
        if not self.gone.is_set():  # it was not given up before
            self._on_reap(code)

    def _give_up(self) -> None:
        """It does not die: it is inside the kernel, or another user's. It is reaped whenever it does."""
        _log.error("a worker does not die", plugin=self._name, pid=self.pid)
        self.leaving = True
        self._on_reap(-signal.SIGKILL)

    def _on_reap(self, code: int) -> None:
        self.exit_code = code
        self._feed.close()
        self._end_work()
        self._children.end(self._number, self._on_orphans_ended)

    def _on_orphans_ended(self, _found: bool) -> None:  # noqa: FBT001 - the type of who is told
        """All that was left to the gateway is dead. What holds the output still is found by its variables."""
        self._drain(self._read_bytes + _DRAIN_BYTES, self._end_holders)

    def _end_holders(self) -> None:
        if self._outputs:
            end_holders(sweep.kill_worker, self._instance, self._id, self._on_output_closed)
        else:
            self._complete()

    def _on_output_closed(self) -> None:
        self._drain(self._read_bytes + _DRAIN_BYTES, self._complete)

    def _drain(self, most: int, then: Callable[[], None]) -> None:
        """Reads what is in the pipes, a piece in a turn of the loop, up to an end where somebody goes on writing."""
        before = self._read_bytes
        for fd in tuple(self._outputs):
            (self._read_answers if fd == self._stdout else self.read_notes)()
        if before < self._read_bytes < most:
            self._loop.call_soon(self._drain, most, then)
        else:
            then()

    def _complete(self) -> None:
        if self.gone.is_set():
            return
        self._disarm()
        for fd in tuple(self._outputs):
            self._loop.remove_reader(fd)
            os.close(fd)
        self._outputs.clear()
        self._pulse.close()
        self.gone.set()
        code = self.exit_code if self.exit_code is not None else UNKNOWN_EXIT
        requests, rest = self.dialogue.close()
        alone = len(requests) == 1
        for request in requests:
            crashed = request is self._culprit or request.stopped is not None or alone
            request.end(
                stdout=rest if alone else b"",
                exit_code=code,
                stop=None if crashed else StopReason.LOST,
                fault=self.fault if crashed else None,
            )
        self._culprit = None
        self._on_change(self)

    def _arm(self, seconds: float, callback: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, callback)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
