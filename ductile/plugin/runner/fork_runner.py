"""The `fork` runner: each job of a script in Python is forked from a zygote, an interpreter that is already up.

What the script sees is what a fresh interpreter would show it; what it costs is a fork. Where a zygote cannot be had,
the script is spawned, and the log says once why.
"""

import asyncio
import os
from pathlib import Path

import structlog

from ductile.plugin.environment import Environment
from ductile.plugin.runner.errors import SpawnFailed, Unforkable
from ductile.plugin.runner.interface import Execution, RunnerCall, StopReason
from ductile.plugin.runner.process import Process
from ductile.plugin.runner.python_interpreter import interpreter_argv
from ductile.plugin.runner.spawn_runner import SpawnRunner
from ductile.plugin.runner.zygote_client import Zygote
from ductile.plugin.runner.zygote_main import PLACEHOLDERS

_log = structlog.get_logger()

Key = tuple[Path, Path, Environment]
"""Entrypoint, working directory, and the variables that all its jobs share: what a zygote is good for."""


class NotStarted:
    """An attempt that was stopped before it had a process."""

    def __init__(self, reason: StopReason, *, seconds: float, runner: str) -> None:
        duration = round(seconds * 1000)
        self._execution = Execution(exit_code=0, stdout=b"", stderr=b"", stop=reason, duration=duration, runner=runner)

    async def wait(self) -> Execution:
        """How it ended."""
        return self._execution

    def stop(self, reason: StopReason) -> None:
        """It is over."""


class ForkedCall:
    """An attempt on its way to a process: forked, or spawned where that cannot be."""

    def __init__(self, call: RunnerCall, spawn: SpawnRunner, *, runner: str) -> None:
        self.call = call
        self._spawn = spawn
        self._runner = runner
        self._stop: StopReason | None = None
        self._loop = asyncio.get_running_loop()
        self._claimed = call.claimed or self._loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._process: asyncio.Future[Process | NotStarted] = self._loop.create_future()

    @property
    def open(self) -> bool:
        """Whether it wants a process still."""
        return not self._process.done()

    async def process(self) -> Process | NotStarted:
        """The process, once there is one. Raises SpawnFailed where there never is."""
        return await asyncio.shield(self._process)

    async def wait(self) -> Execution:
        """How it ended. Raises SpawnFailed where it never began."""
        return await (await self.process()).wait()

    def stop(self, reason: StopReason) -> None:
        """Ends it: at once where nothing has begun, else as soon as there is something to end."""
        self._stop = self._stop or reason
        if self._deadline is not None:
            self._never_begin(self._stop)
        elif self._process.done() and self._process.exception() is None:
            self._process.result().stop(self._stop)

    def on_queued(self) -> None:
        """It waits where nothing of it can begin: its deadline counts all the same."""
        self._deadline = self._loop.call_at(self._due, self.stop, StopReason.TIMED_OUT)

    @property
    def _due(self) -> float:
        return self._claimed + self.call.timeout / 1000

    def on_ordered(self) -> None:
        """From now on it may begin at any time."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def on_process(self, process: Process) -> None:
        """It has a process."""
        self._process.set_result(process)
        if self._stop is not None:
            process.stop(self._stop)

    def on_refusal(self, error: SpawnFailed) -> None:
        """It has none and gets none."""
        self.on_ordered()
        if self._stop is not None:
            self._never_begin(self._stop)
            return
        self._process.set_exception(error)
        self._process.exception()  # whoever waits sees it; nobody has to

    def on_fallback(self) -> None:
        """It gets a fresh interpreter, since the zygote has not touched it."""
        self.on_ordered()
        if not self.open:
            return
        if self._stop is None and self._loop.time() >= self._due:
            self._stop = StopReason.TIMED_OUT
        if self._stop is not None:
            self._never_begin(self._stop)
            return
        try:
            self.on_process(self._spawn.start(self.call))
        except SpawnFailed as error:
            self.on_refusal(error)

    def _never_begin(self, reason: StopReason) -> None:
        self.on_ordered()
        seconds = self._loop.time() - self._claimed
        self._process.set_result(NotStarted(reason, seconds=seconds, runner=self._runner))


class ForkRunner:
    """Forks each call from the zygote of its entrypoint and environment, started on first use."""

    def __init__(self, spawn: SpawnRunner) -> None:
        self._spawn = spawn
        self._zygotes: dict[Key, Zygote] = {}
        self._unusable: set[Key] = set()
        self._leaving: set[Zygote] = set()

    def start(self, call: RunnerCall) -> Process | ForkedCall:
        """Starts the call on the running loop; raises SpawnFailed where nothing can run."""
        key = _key(call)
        if key in self._unusable:
            return self._spawn.start(call)
        zygote = self._zygotes.get(key)
        if zygote is None:
            try:
                zygote = self._zygotes[key] = self._start_zygote(call, key)
            except Unforkable as error:
                self._give_up(key, error.reason)
                return self._spawn.start(call)
            except (OSError, ValueError, SpawnFailed):  # what keeps the interpreter from starting, a spawn explains
                return self._spawn.start(call)
        forked = ForkedCall(call, self._spawn, runner="fork")
        zygote.fork(forked)
        return forked

    @property
    def zygotes(self) -> tuple[Zygote, ...]:
        """Those that take calls."""
        return tuple(self._zygotes.values())

    def retire(self) -> None:
        """The configuration has changed: each zygote ends with its last child, and new ones see what is new."""
        self._unusable.clear()
        for zygote in self.zygotes:
            zygote.retire()

    async def close(self) -> None:
        """Ends every zygote; attempts have ended before."""
        for zygote in {*self._zygotes.values(), *self._leaving}:
            zygote.kill()
        for zygote in {*self._zygotes.values(), *self._leaving}:
            await zygote.gone.wait()  # that has a limit: see `Zygote.kill`

    def _start_zygote(self, call: RunnerCall, key: Key) -> Zygote:
        def on_leave(zygote: Zygote, reason: str | None) -> None:
            if self._zygotes.get(key) is zygote:
                del self._zygotes[key]
            if reason is not None:
                self._give_up(key, reason)
            if not zygote.gone.is_set():
                self._leaving.add(zygote)
            else:
                self._leaving.discard(zygote)

        return Zygote(
            interpreter_argv(call.executable),
            call,
            {**call.env.shared, **PLACEHOLDERS},
            on_leave,
            entrypoint=os.fspath(call.executable),
            order=fork_order,
            children=self._spawn.children,
        )

    def _give_up(self, key: Key, reason: str) -> None:
        self._unusable.add(key)
        _log.warning("spawned instead of forked", executable=os.fspath(key[0]), reason=reason)


def fork_order(number: int, call: RunnerCall) -> bytes:
    """The message that asks for a child."""
    return b"F\0%d\0%s\0%d" % (number, call.job_id.encode(), call.attempt)


def _key(call: RunnerCall) -> Key:
    return call.executable, call.cwd, call.env
