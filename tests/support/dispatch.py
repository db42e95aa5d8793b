"""A dispatcher over a real store, with a fake runner, and with writes that fail or answer late."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from msgspec.structs import replace

from ductile.dispatch.attempt import AttemptRunner
from ductile.dispatch.dispatcher import Dispatcher
from ductile.dispatch.gates.plugin_available import PluginAvailable
from ductile.model.job import Job, State
from ductile.model.read_models import JobView
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Start
from ductile.plugin.runner.interface import Execution, RunnerCall, StopReason
from ductile.store.errors import StoreUnavailable
from ductile.store.sqlite.damage import Damage
from ductile.store.sqlite.database_files import DatabaseFiles
from ductile.store.sqlite.store import SqliteStore
from ductile.store.sqlite.writer import Writer
from support.store import start
from support.web import snapshot

OK = b'{"status": "ok", "result": "done"}'


def sample_job(**more: Any) -> Job:
    """A plain job in its first attempt."""
    return Job(
        **{
            "id": "j",
            "root_id": "j",
            "parent_id": None,
            "plugin": "p",
            "command": "c",
            "lane": "p",
            "state": State.RUNNING,
            "attempt": 1,
            "lost": 0,
            "max_attempts": 4,
            "priority": 0,
            "step": None,
            "definition": None,
            "depth": 0,
            "hops": 0,
            "route": False,
            "principal": "token:t",
            "submitted_by": "api",
            "request_id": None,
            "context_id": None,
            "created_at": 0,
            "started_at": 0,
            **more,
        }
    )


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


class FaultyStore(SqliteStore):
    """A store whose writes of operations in `failing` fail, and whose answers of those in `held_back` wait."""

    def __init__(self, path: Path, writer: Writer, files: DatabaseFiles, damage: Damage) -> None:
        super().__init__(path, writer, files, damage)
        self.failing: set[str] = set()
        self.held_back: dict[str, asyncio.Event] = {}
        self.written: list[str] = []
        self.refused: list[str] = []
        self.changed = asyncio.Event()

    def write(self, operation: Callable[..., Any], /, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        name = operation.__name__
        broken = name in self.failing
        return asyncio.ensure_future(self._answer(name, None if broken else super().write(operation, *args, **kwargs)))

    async def _answer(self, name: str, written: asyncio.Future[Any] | None) -> Any:
        if written is None:
            self.refused.append(name)
            self.changed.set()
            raise StoreUnavailable(reason="the disk is full")
        result = await written
        self.written.append(name)
        self.changed.set()
        if name in self.held_back:
            await self.held_back[name].wait()
        return result

    async def definition(self, definition_hash: str) -> bytes | None:
        if "definition" in self.failing:
            raise StoreUnavailable(reason="no descriptors are left")
        return await super().definition(definition_hash)


class FakeRunning:
    """An attempt that ends when the test says so."""

    def __init__(self, call: RunnerCall, *, obedient: bool) -> None:
        self.call = call
        self.request = orjson.loads(call.stdin)
        self.stopped: StopReason | None = None
        self._obedient = obedient
        self._end: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()

    def finish(self, stdout: bytes = OK, *, exit_code: int = 0, stderr: bytes = b"") -> None:
        if not self._end.done():
            self._end.set_result(
                Execution(exit_code=exit_code, stdout=stdout, stderr=stderr, stop=self.stopped, duration=1)
            )

    def stop(self, reason: StopReason) -> None:
        if not self._end.done():
            self.stopped = self.stopped or reason
            if self._obedient:
                self.finish(b"", exit_code=-15)

    async def wait(self) -> Execution:
        return await self._end


class FakeRunner:
    """Starts nothing. `answer`: what each attempt says at once; `failure`: why none can be started."""

    def __init__(self, changed: asyncio.Event) -> None:
        self.runs: list[FakeRunning] = []
        self.answer: bytes | None = None
        self.failure: Exception | None = None
        self.obedient = True
        self._on_change = changed

    def retire(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def start(self, call: RunnerCall) -> FakeRunning:
        self._on_change.set()
        if self.failure is not None:
            raise self.failure
        running = FakeRunning(call, obedient=self.obedient)
        self.runs.append(running)
        if self.answer is not None:
            running.finish(self.answer)
        return running

    def runs_of(self, job_id: str) -> list[FakeRunning]:
        return [run for run in self.runs if run.call.job_id == job_id]


class DispatcherHarness:
    """A dispatcher, its store and its fake runner."""

    def __init__(self, store: FaultyStore, clock: Callable[[], int], root: Path) -> None:
        self.store = store
        self.clock = clock
        self.snapshot = snapshot(root)
        self.runner = FakeRunner(store.changed)
        self.settled: list[tuple[object, ...]] = []
        attempts = AttemptRunner(
            store, {"spawn": self.runner}, clock, instance="i", environ={"PATH": "/bin"}, on_settled=self.record_settled
        )
        self.dispatcher = Dispatcher(store, lambda: self.snapshot, [PluginAvailable()], attempts, clock)
        store.on_commit(lambda _signals: store.changed.set())

    def record_settled(self, *attempt: object) -> None:
        """Record a settled attempt."""
        self.settled.append(attempt)

    async def insert(self, plugin: str = "echo", command: str = "poll", **more: Any) -> str:
        accepted = await self.store.submit(self.start(plugin, command, **more))
        return accepted.job_id

    def start(self, plugin: str = "echo", command: str = "poll", **more: Any) -> Start:
        return start(plugin, command, **more)

    def configure_plugin(self, name: str = "echo", **changes: Any) -> None:
        """Change the settings of a plugin instance."""
        plugins = {**self.snapshot.plugins, name: replace(self.snapshot.plugins[name], **changes)}
        self.snapshot = replace(self.snapshot, plugins=plugins)

    def configure_service(self, **changes: Any) -> None:
        self.snapshot = replace(self.snapshot, service=replace(self.snapshot.service, **changes))

    def reload(self, new: Snapshot) -> None:
        old, self.snapshot = self.snapshot, new
        self.dispatcher.apply(old, new)

    def snapshot_without(self, name: str) -> Snapshot:
        plugins = {other: plugin for other, plugin in self.snapshot.plugins.items() if other != name}
        return replace(self.snapshot, generation=self.snapshot.generation + 1, plugins=plugins)

    async def stop(self, seconds: float, force_stop: asyncio.Event | None = None) -> asyncio.Task[None]:
        """Begin to drain; returns the task that drains."""
        draining = asyncio.create_task(self.dispatcher.drain(seconds, force_stop or asyncio.Event()))
        await asyncio.sleep(0)  # one turn of the loop, in which it begins
        return draining

    async def until(self, condition: Callable[[], Awaitable[object] | object]) -> None:
        """Wait until the condition holds; checked after each write, commit and start."""
        while True:
            self.store.changed.clear()
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await self.store.changed.wait()

    async def execution(self, job_id: str, attempt: int = 1) -> FakeRunning:
        """The n-th execution of a job, once it has started."""
        await self.until(lambda: len(self.runner.runs_of(job_id)) >= attempt)
        return self.runner.runs_of(job_id)[attempt - 1]

    async def job(self, job_id: str) -> JobView:
        view = await self.store.job(job_id)
        assert view is not None
        return view

    async def wait_for_state(self, job_id: str, state: State) -> JobView:
        """Wait until the job is in this state."""

        async def reached() -> bool:
            return (await self.job(job_id)).state is state

        await self.until(reached)
        return await self.job(job_id)

    async def wait_for_depth(self, **states: int) -> None:
        """Wait until these states have so many jobs."""

        async def reached() -> bool:
            depth = await self.store.depth()
            return all(depth[State(state)] == n for state, n in states.items())

        await self.until(reached)


@asynccontextmanager
async def open_dispatcher(folder: Path, clock: Callable[[], int] | None = None) -> AsyncIterator[DispatcherHarness]:
    """A harness with a dispatcher that is not started yet; attempts that still run at the end are lost."""
    clock = clock or Clock()
    store = await FaultyStore.open(folder / "state.db", clock=clock)
    harness = DispatcherHarness(store, clock, folder)
    try:
        yield harness
    finally:
        store.failing.clear()
        for answer in store.held_back.values():
            answer.set()
        for run in harness.runner.runs:
            run.stop(StopReason.LOST)
            run.finish(b"", exit_code=-9)
        await harness.dispatcher.drain(0, asyncio.Event())
        await store.close()
