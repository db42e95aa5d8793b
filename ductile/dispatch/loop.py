"""The dispatcher: claims what may run, as soon as it may, and runs each attempt in a task of its own.

It sleeps until a commit signals something ready, a timer says something is due, or a slot becomes free.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from ductile.dispatch.attempt import Attempts, Slot
from ductile.dispatch.gates.gate import Gate
from ductile.dispatch.gates.present import PLUGIN_UNAVAILABLE
from ductile.model.clock import Clock, Millis
from ductile.model.job import Claimed, Job
from ductile.model.signal import CancelRunning, Drained, Due, Ready, Signal
from ductile.model.snapshot import Snapshot
from ductile.plugin.runner.call import Stop
from ductile.store import claim as queue
from ductile.store.errors import StoreUnavailable
from ductile.store.meta import set_meta
from ductile.store.sqlite import Store

log = structlog.get_logger(__name__)

T = TypeVar("T")

BATCH = 512
"""Rows that one transaction moves at most."""

STORE_RETRY = 1.0
"""Seconds to wait where the store could not commit."""

PAUSED = "paused"
"""The key in `meta` that keeps a pause over restarts."""


@dataclass(slots=True)
class _Timer:
    handle: asyncio.TimerHandle
    at: Millis


class Dispatcher:
    """Owns the slots: `max_workers` in all, `parallelism` a plugin instance."""

    def __init__(
        self, store: Store, current: Callable[[], Snapshot], gates: Sequence[Gate], attempts: Attempts, clock: Clock
    ) -> None:
        self._store = store
        self._current = current
        self._gates = tuple(gates)
        self._attempts = attempts
        self._clock = clock
        self._ready: set[str] = set()
        self._slots: dict[str, Slot] = {}
        self._busy: Counter[str] = Counter()
        self._early_stops: set[str] = set()
        self._wake = asyncio.Event()
        self._timer: _Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.task: asyncio.Task[None] | None = None
        """The claiming itself, once started; it ends with `drain`, or by a failure that the app must see."""
        self.paused = False
        self.draining = False

    @property
    def running(self) -> int:
        """How many attempts hold a slot."""
        return len(self._slots)

    def busy(self) -> Mapping[str, int]:
        """Plugin instance → slots in use."""
        return {lane: count for lane, count in self._busy.items() if count}

    async def start(self) -> None:
        """Begin to claim: first what was queued, held or due when the gateway last stopped."""
        self._store.listen(self._signals)
        self.paused = await self._store.meta(PAUSED) == "1"
        self._ready.update(await self._store.lanes())
        self._arm(self._clock())
        self._keep(self._release(self._current()))
        self.task = asyncio.create_task(self._run(), name="dispatch")
        self._wake.set()

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a reload: hold the jobs of what has gone, release those of what has come back."""
        for gone in old.plugins.keys() - new.plugins.keys():
            self._keep(self._hold(gone))
        self._ready.update(new.plugins)
        self._keep(self._release(new))
        self._wake.set()

    async def pause(self) -> None:
        """Claim nothing until `resume`, over restarts too; intake goes on."""
        await self._store.write(set_meta, PAUSED, "1")
        self.paused = True
        log.info("paused")

    async def resume(self) -> None:
        """Claim again."""
        await self._store.write(set_meta, PAUSED, "0")
        self.paused = False
        self._wake.set()
        log.info("resumed")

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Claim nothing more; wait so many seconds (or for `hurry`) for running attempts, then stop them as lost."""
        self.draining = True
        self._cancel_timer()
        self._wake.set()
        if self.task is not None:
            await asyncio.wait({self.task})
        await _either(self._tasks, hurry, seconds)
        for slot in self._slots.values():
            slot.stop(Stop.LOST)
        if self._tasks:
            await asyncio.wait(self._tasks)

    # ------------------------------------------------------------------ signals

    def _signals(self, signals: Sequence[Signal]) -> None:
        for signal in signals:
            if isinstance(signal, Ready):
                self._ready.add(signal.lane)
                self._wake.set()
            elif isinstance(signal, Drained):
                self._ready.discard(signal.lane)
            elif isinstance(signal, Due):
                self._arm(signal.run_at)
            elif isinstance(signal, CancelRunning):
                self._stop(signal.job_id)

    def _stop(self, job_id: str) -> None:
        slot = self._slots.get(job_id)
        if slot is not None:
            slot.stop(Stop.CANCELLED)
        else:
            # Its claim is committed, and the answer on its way here.
            self._early_stops.add(job_id)

    def _arm(self, at: Millis) -> None:
        """Look for due jobs at this time, or after `tick_interval` if that is sooner: clocks can be set."""
        if self.draining or (self._timer is not None and self._timer.at <= at):
            return
        self._cancel_timer()
        wait = min(max(0, at - self._clock()), self._current().service.tick_interval)
        handle = asyncio.get_running_loop().call_later(wait / 1000, self._tick)
        self._timer = _Timer(handle, at)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.handle.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        self._keep(self._promote())

    async def _promote(self) -> None:
        following = await self._insist(queue.promote, BATCH)
        if following is not None:
            self._arm(following)

    # ------------------------------------------------------------------ claiming

    async def _run(self) -> None:
        while not self.draining:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._claim():
                    pass
            except StoreUnavailable as unavailable:
                log.error("claiming waits for the store", reason=unavailable.message)
                asyncio.get_running_loop().call_later(STORE_RETRY, self._wake.set)

    async def _claim(self) -> bool:
        """Claim once; whether it is worth asking again at once."""
        snapshot = self._current()
        for lane in self._ready - snapshot.plugins.keys():
            self._ready.discard(lane)
            self._keep(self._hold(lane))
        total = snapshot.service.max_workers - len(self._slots)
        free = {
            lane: spare for lane in self._ready if (spare := snapshot.plugins[lane].parallelism - self._busy[lane]) > 0
        }
        if self.paused or self.draining or total <= 0 or not free:
            return False
        claims = await self._store.write(queue.claim, free, min(total, BATCH), self._gate(snapshot))
        for claimed in claims.claimed:
            self._launch(claimed, snapshot)
        self._early_stops.clear()
        return bool(claims.claimed)

    def _gate(self, snapshot: Snapshot) -> Callable[[Job], str | None]:
        def gate(job: Job) -> str | None:
            return next((held for one in self._gates if (held := one.admit(job, snapshot)) is not None), None)

        return gate

    def _launch(self, claimed: Claimed, snapshot: Snapshot) -> None:
        job = claimed.job
        slot = Slot()
        self._slots[job.id] = slot
        self._busy[job.lane] += 1
        if job.id in self._early_stops:
            slot.stop(Stop.CANCELLED)
        self._keep(self._attempt(claimed, snapshot, slot))

    async def _attempt(self, claimed: Claimed, snapshot: Snapshot, slot: Slot) -> None:
        try:
            await self._attempts.run(claimed, snapshot, slot)
        finally:
            del self._slots[claimed.job.id]
            self._busy[claimed.job.lane] -= 1
            self._wake.set()

    # ------------------------------------------------------------------ held jobs

    async def _hold(self, lane: str) -> None:
        while await self._insist(queue.hold_lane, lane, PLUGIN_UNAVAILABLE, BATCH) == BATCH:
            pass

    async def _release(self, snapshot: Snapshot) -> None:
        usable = {name: frozenset(plugin.manifest.commands) for name, plugin in snapshot.plugins.items()}
        while await self._insist(queue.release, usable, BATCH) == BATCH:
            pass

    async def _insist(self, operation: Callable[..., T], *args: object) -> T:
        """Write, and while the store cannot commit, try again."""
        while True:
            try:
                return await self._store.write(operation, *args)
            except StoreUnavailable as unavailable:
                log.error("dispatch waits for the store", reason=unavailable.message)
                await asyncio.sleep(STORE_RETRY)

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dispatch task failed", exc_info=error)


async def _either(tasks: set[asyncio.Task[None]], hurry: asyncio.Event, seconds: float) -> None:
    """Wait until all tasks are done, `hurry` is set, or the time is over."""
    if not tasks:
        return
    everything = asyncio.ensure_future(asyncio.wait(tasks))
    hurried = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({everything, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (everything, hurried):
        waiting.cancel()
    await asyncio.gather(everything, hurried, return_exceptions=True)
