"""The `persistent` runner: workers that stay up and answer request after request."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog

from ductile.model.ids import new_id
from ductile.plugin.environment import Environment
from ductile.plugin.runner.child_processes import ChildProcesses
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.runner.spawn_errors import explain_refusal
from ductile.plugin.runner.worker import Worker
from ductile.plugin.runner.worker_request import WorkerRequest

FIRST_BACKOFF_SECONDS = 0.1
"""Seconds before a worker is started again after one that failed; doubled with each that fails in a row."""

MAX_BACKOFF_SECONDS = 30.0

STAMP_SECONDS = 0.001
"""How long a look at an entrypoint holds: of the calls that one commit starts, the first looks."""

IDLE_SECONDS = 300.0
"""How long a worker without requests is kept."""

_log = structlog.get_logger()

Key = tuple[Path, Path, Environment]
"""Entrypoint, working directory, and the variables that all its jobs share."""


class PersistentRunner:
    """Hands each call to a worker of its plugin; the first call starts the first one."""

    def __init__(self, children: ChildProcesses | None = None) -> None:
        self._children = children or ChildProcesses()
        self._pools: dict[Key, WorkerPool] = {}
        self._leaving: set[WorkerPool] = set()

    @property
    def pools(self) -> tuple["WorkerPool", ...]:
        """Those that take calls."""
        return tuple(self._pools.values())

    def start(self, call: RunnerCall) -> WorkerRequest:
        """Hands the call over, on the running loop."""
        request = WorkerRequest(call)
        self._submit(request)
        return request

    def retire(self) -> None:
        """The configuration has changed: workers end with their last requests, and the waiting get new ones."""
        for key in tuple(self._pools):
            self._replace(key)

    async def close(self) -> None:
        """Ends every worker; attempts have ended before."""
        pools = {*self._pools.values(), *self._leaving}
        for pool in pools:
            pool.kill()
        for pool in pools:
            await pool.wait_until_empty()

    def _submit(self, request: WorkerRequest) -> None:
        call = request.call
        key = _key(call)
        pool = self._pools.get(key)
        now = asyncio.get_running_loop().time()
        if pool is not None and now - pool.looked < STAMP_SECONDS:
            pool.submit(request)
            return
        stamp = _stamp(call.executable)
        if pool is not None and pool.stamp != stamp:
            self._replace(key)
            pool = None
        if pool is None:
            pool = self._pools[key] = WorkerPool(
                call, {**call.env.shared, "DUCTILE_LIFECYCLE": "persistent"}, stamp, self._on_empty, self._children
            )
        pool.looked = now
        pool.submit(request)

    def _replace(self, key: Key) -> None:
        pool = self._pools.pop(key)
        self._leaving.add(pool)
        for request in pool.retire():
            self._submit(request)

    def _on_empty(self, pool: "WorkerPool") -> None:
        self._leaving.discard(pool)


class WorkerPool:
    """The workers of one plugin instance under one configuration, and what waits for them."""

    def __init__(
        self,
        call: RunnerCall,
        env: dict[str, str],
        stamp: tuple[int, ...] | None,
        emptied: Callable[["WorkerPool"], None],
        children: ChildProcesses,
    ) -> None:
        self._children = children
        self.stamp = stamp
        """The entrypoint as it was; another one gets other workers."""
        self.looked = 0.0
        """When the entrypoint was looked at, by the loop's clock."""
        self._call = call
        self._env = env
        self._on_empty = emptied
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[WorkerRequest] = deque()
        self.workers: list[Worker] = []
        self._concurrency = 1
        self._failures = 0
        self._backoff: asyncio.TimerHandle | None = None
        self._resting: dict[Worker, float] = {}
        """Those without requests, by the time since when, the longest first."""
        self._idle: asyncio.TimerHandle | None = None
        self._retired = False

    def submit(self, request: WorkerRequest) -> None:
        """Hands it to the worker with the fewest requests that has room, else lets it wait for one."""
        request.why_waiting = self._why_waiting
        self._waiting.append(request)
        self._hand_out()

    def retire(self) -> list[WorkerRequest]:
        """Takes nothing more, and gives back what waits."""
        self._retired = True
        if self._backoff is not None:
            self._backoff.cancel()
        for worker in tuple(self.workers):
            worker.retire()
        waiting = [request for request in self._waiting if request.open]
        self._waiting.clear()
        self._tell()
        return waiting

    def kill(self) -> None:
        """Ends every worker now."""
        self.retire()
        for worker in self.workers:
            worker.kill()

    async def wait_until_empty(self) -> None:
        """Waits until no worker is left."""
        for worker in tuple(self.workers):
            await worker.gone.wait()

    def _hand_out(self) -> None:
        while self._waiting:
            if not self._waiting[0].open:
                self._waiting.popleft()
                continue
            worker = self._least_busy()
            if worker is None:
                break
            self._resting.pop(worker, None)
            worker.take(self._waiting.popleft())
        self._grow()

    def _why_waiting(self) -> str:
        """What a request that no worker has yet waits for."""
        if any(worker.concurrency for worker in self.workers):
            return "all its workers were busy"
        if self.workers:
            return "no worker had said hello yet"
        return "no worker had been started, since the last ones failed"

    def _least_busy(self) -> Worker | None:
        """The one with room that has the fewest requests; of those that rest the last, so that the others may leave."""
        for worker in reversed(self._resting):
            if worker.has_room:
                return worker
        return min((one for one in self.workers if one.has_room), key=lambda one: len(one.requests), default=None)

    def _grow(self) -> None:
        """Starts as many workers as the waiting need, up to the most allowed."""
        if self._backoff is not None or self._retired or not self._waiting:
            return
        coming = sum(1 for worker in self.workers if not worker.concurrency and not worker.leaving)
        needed = -(-len(self._waiting) // self._concurrency) - coming
        staying = sum(1 for worker in self.workers if not worker.leaving)
        for _ in range(min(needed, self._call.workers.max_workers - staying)):
            try:
                worker = Worker(self._call, {**self._env, "DUCTILE_WORKER": new_id()}, self._on_change, self._children)
            except SpawnFailed as error:
                self._refuse(error)
                return
            except (OSError, ValueError) as error:
                self._refuse(explain_refusal(self._call, error))
                return
            self.workers.append(worker)

    def _on_change(self, worker: Worker) -> None:
        if worker.gone.is_set():
            self.workers.remove(worker)
            self._resting.pop(worker, None)
            if worker.failed:
                self._on_failure(worker)
        elif worker.concurrency and not worker.leaving:
            self._concurrency = worker.concurrency
            self._failures = 0
            if not worker.requests:
                self._rest(worker)
        self._hand_out()
        self._tell()

    def _on_failure(self, worker: Worker) -> None:
        """It ended by itself: the next one waits longer; one that was never ready fails what waits for it."""
        if not self._retired:
            wait = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**self._failures)
            self._failures += 1
            self._backoff = self._backoff or self._loop.call_later(wait, self._retry)
        if not worker.concurrency and not any(one.concurrency for one in self.workers):
            code, said = worker.exit_code or 0, worker.dialogue.said.value()
            while self._waiting:
                request = self._waiting.popleft()
                request.stderr.take(said)
                request.end(exit_code=code, fault=worker.fault, broken=worker.broken)

    def _refuse(self, error: SpawnFailed) -> None:
        while self._waiting:
            self._waiting.popleft().fail(error)

    def _retry(self) -> None:
        self._backoff = None
        self._hand_out()

    def _rest(self, worker: Worker) -> None:
        self._resting.pop(worker, None)
        self._resting[worker] = self._loop.time()
        if self._idle is None:
            self._idle = self._loop.call_later(IDLE_SECONDS, self._release)

    def _release(self) -> None:
        """Lets those go that have rested long enough, and looks again when the next one has."""
        self._idle = None
        for worker, since in tuple(self._resting.items()):
            left = since + IDLE_SECONDS - self._loop.time()
            if left > 0:
                self._idle = self._loop.call_later(left, self._release)
                return
            del self._resting[worker]
            worker.retire()

    def _tell(self) -> None:
        if self._retired and not self.workers:
            self._on_empty(self)


def _key(call: RunnerCall) -> Key:
    return call.executable, call.cwd, call.env


def _stamp(executable: Path) -> tuple[int, ...] | None:
    try:
        about = os.stat(executable)  # noqa: PTH116 - for each call
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size
