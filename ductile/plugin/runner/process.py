"""A plugin process from its start to the end of its last descendant, driven by callbacks of the loop."""

import asyncio
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

import structlog
from msgspec import Struct

from ductile.plugin import sweep
from ductile.plugin.runner.child_processes import DEATH_SECONDS, UNKNOWN_EXIT, ChildProcesses
from ductile.plugin.runner.frames import Frames
from ductile.plugin.runner.interface import Execution, RunnerCall, StopReason
from ductile.plugin.runner.output_budget import OutputBudget
from ductile.plugin.runner.output_buffer import HeadBuffer, HeadTailBuffer
from ductile.plugin.runner.output_holders import end_holders
from ductile.plugin.runner.read_size import ReadSize

LISTEN_SECONDS = 0.005
"""How long a pipe holds the output before the loop listens: most plugins are done by then, and cost half as much."""

DRAIN_SECONDS = 0.2
"""How long the output of processes that outlive the plugin is still read."""

_CHUNK_BYTES = 65_536
"""Bytes a read: what a pipe holds."""

_DRAIN_READS = 32
"""Reads at once after the exit: twice the largest pipe, and an end where someone goes on writing."""

DYING_MILLISECONDS = 20
"""How long the loop is held up for the death of a killed process that it cannot watch: usually one takes less."""

Reap = Callable[[int, Callable[[int], None]], None]
"""Takes the pidfd of a process that has exited, closes it, lets the process go, and tells its exit code, or minus the
signal: at once or later."""

_log = structlog.get_logger()


class _Phase(Enum):
    RUNNING = auto()
    EXITED = auto()
    REAPED = auto()


class StartedProcess(Struct, frozen=True, kw_only=True):
    """A new process, the leader of its own group, and the gateway's ends of its pipes."""

    pid: int
    pidfd: int
    stdin: int
    stdout: int
    stderr: int
    reap: Reap
    children: ChildProcesses
    number: int
    """Of the attempt, as its processes are marked."""
    written: int = 0
    """Bytes of the request that the stdin has taken already."""
    runner: str = "spawn"


class Process:
    """One attempt in its own process group.

    It owns the descriptors it is given. Whoever waits may give up: the deadline and `stop` work without a waiter.
    Until the reap the dead leader keeps its id, so that a signal to the group reaches nobody else.
    """

    def __init__(self, call: RunnerCall, started: StartedProcess) -> None:
        self._call = call
        self.pid = started.pid
        self._pidfd = started.pidfd
        self._stdin: int | None = started.stdin
        self._unwritten = memoryview(call.stdin)[started.written :]
        self._reaping = started.reap
        self._children = started.children
        self._number = started.number
        self._runner = started.runner
        self._stdout = HeadBuffer(call.output.max_stdout_bytes)
        self._stderr = HeadTailBuffer(call.output.max_stderr_bytes)
        self._outputs: dict[int, HeadBuffer | HeadTailBuffer] = {
            started.stdout: self._stdout,
            started.stderr: self._stderr,
        }
        self._budget = OutputBudget(call.output)
        self._frames = Frames(call.heard, self._budget) if call.reads_frames else None
        self._read_size = ReadSize(_CHUNK_BYTES)
        self._before_stop = 0
        self._listening = False
        self._loop = asyncio.get_running_loop()
        self._began = self._on_end = call.claimed or self._loop.time()
        self._gone = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._phase = _Phase.RUNNING
        self._stop: StopReason | None = None
        self._exit_code = UNKNOWN_EXIT
        self._execution: Execution | None = None

    def begin(self) -> None:
        """Writes the request and watches for the end. OSError: the loop could not take it; `abandon` it."""
        for fd in self._outputs:
            os.set_blocking(fd, False)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._arm(LISTEN_SECONDS, self._go_on)
        if self._stdin is not None:
            os.set_blocking(self._stdin, False)
            self._write()
            if self._stdin is not None:
                self._loop.add_writer(self._stdin, self._write)

    def abandon(self) -> None:
        """Kills and reaps what could not begin."""
        self._disarm()
        self._loop.remove_reader(self._pidfd)
        self._signal(signal.SIGKILL)
        self._close_all()
        self._phase = _Phase.REAPED
        self._await_death()

    def _await_death(self) -> None:
        """Looks until what could not begin is dead: the loop cannot watch it."""
        dead = select.poll()
        dead.register(self._pidfd, select.POLLIN)
        if dead.poll(DYING_MILLISECONDS):
            self._reaping(self._pidfd, self._on_reap)
        else:
            self._loop.call_later(LISTEN_SECONDS, self._await_death)

    async def wait(self) -> Execution:
        """How it ended, once no process of it is left. May be called again, and cancelled without harm."""
        await self._gone.wait()
        if self._execution is None:
            self._execution = Execution(
                exit_code=self._exit_code,
                stdout=self._stdout.release(),
                stderr=self._stderr.value(),
                stop=self._stop,
                fault=self._budget.fault,
                before_stop=self._before_stop,
                duration=round((self._on_end - self._began) * 1000),
                runner=self._runner,
            )
        return self._execution

    def stop(self, reason: StopReason) -> None:
        """Ends it: SIGTERM, `kill_grace`, SIGKILL. The first reason counts; once it has exited this does nothing."""
        if self._stop is not None or self._phase is not _Phase.RUNNING:
            return
        self._stop = reason
        self._before_stop = len(self._stdout)
        self._arm(self._call.kill_grace / 1000, self._kill)
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a stopped process acts on SIGTERM only once it goes on
        self._listen()

    def _kill(self) -> None:
        self._arm(DEATH_SECONDS, self._give_up)
        self._signal(signal.SIGKILL)

    def _give_up(self) -> None:
        """It does not die: it is inside the kernel, or another user's. It is reaped whenever it does."""
        _log.error("a plugin's process does not die", job_id=self._call.job_id, pid=self.pid)
        self._phase = _Phase.REAPED
        self._loop.add_reader(self._pidfd, self._on_late_death)
        self._exit_code = -signal.SIGKILL
        self._children.end(self._number, lambda _: self._complete())

    def _on_late_death(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._reaping(self._pidfd, lambda _: None)

    def _go_on(self) -> None:
        self._arm(self._until_deadline(), lambda: self.stop(StopReason.TIMED_OUT))
        self._listen()

    def _until_deadline(self) -> float:
        return self._began + self._call.timeout / 1000 - self._loop.time()

    def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            for fd in self._outputs:
                self._loop.add_reader(fd, self._readable, fd)

    def _write(self) -> None:
        if self._stdin is None:
            return
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._stdin, self._unwritten) :]
        except BlockingIOError:
            return
        except OSError:  # the plugin does not read it, which is its right
            pass
        self._close_stdin()

    def _readable(self, fd: int) -> None:
        self._read(fd)
        if self._phase is _Phase.EXITED and not self._outputs:
            self._finish()

    def _read(self, fd: int) -> bool:
        """Reads once; whether there may be more at once."""
        output = self._outputs[fd]
        live = output is self._stdout and self._phase is _Phase.RUNNING
        try:
            chunk = os.read(fd, self._read_size.bytes if live else _CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self._close_output(fd)
            return False
        if output is self._stdout:
            self._budget.add_bytes(len(chunk))
        if live and self._stop is not StopReason.FLOODED:
            self._read_size.follow(chunk, self._frames.take(chunk) if self._frames else 0)
        output.take(chunk)
        if self._budget.fault is not None:
            self._on_flood()
        return True

    def _on_flood(self) -> None:
        if self._phase is _Phase.RUNNING:
            self.stop(StopReason.FLOODED)  # and it is read on, so that it can act on the signal
        else:
            self._stop = self._stop or StopReason.FLOODED

    def _on_exit(self) -> None:
        """The leader is dead and not reaped. What it wrote is in the pipes; others may hold them open still."""
        self._phase = _Phase.EXITED
        self._loop.remove_reader(self._pidfd)
        self._disarm()
        self._close_stdin()
        self._drain()
        if self._outputs:
            self._arm(DRAIN_SECONDS, self._finish)
            self._listen()
        else:
            self._finish()

    def _drain(self) -> None:
        for fd in tuple(self._outputs):
            for _ in range(_DRAIN_READS):
                if not self._read(fd):
                    break

    def _finish(self) -> None:
        self._disarm()
        self._signal_group(signal.SIGKILL)
        self._phase = _Phase.REAPED
        self._reaping(self._pidfd, self._on_reap)

    def _on_reap(self, exit_code: int) -> None:
        self._exit_code = exit_code
        self._children.end(self._number, self._on_orphans_ended)

    def _on_orphans_ended(self, _found: bool) -> None:  # noqa: FBT001 - the type of who is told
        """All that was left to the gateway is dead. What holds the output still is found by its variables."""
        self._drain()
        if not self._outputs:
            self._complete()
            return
        end_holders(sweep.kill_job, self._call.instance, self._call.job_id, self._after_sweep)

    def _after_sweep(self) -> None:
        self._drain()
        self._complete()

    def _complete(self) -> None:
        self._disarm()
        self._close_all()
        self._on_end = self._loop.time()
        self._gone.set()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _signal(self, number: signal.Signals) -> None:
        """Signals the group, and the leader where it has left its group."""
        self._signal_group(number)
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self.pid) != self.pid:
                signal.pidfd_send_signal(self._pidfd, number)

    def _arm(self, seconds: float, callback: Callable[[], None]) -> None:
        """Sets the one timer: the deadline, then the grace, then the end of draining."""
        self._disarm()
        self._timer = self._loop.call_later(seconds, callback)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            self._loop.remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = None

    def _close_output(self, fd: int) -> None:
        del self._outputs[fd]
        if self._listening:
            self._loop.remove_reader(fd)
        os.close(fd)

    def _close_all(self) -> None:
        self._close_stdin()
        for fd in tuple(self._outputs):
            self._close_output(fd)
