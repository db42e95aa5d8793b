"""The dispatcher: claims what may run, as soon as it may, and runs each attempt in a task of its own.

It sleeps until a commit signals something ready, a timer says something is due, or a place becomes free.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from msgspec import Struct

from ductile.dispatch.attempt import Attempts, Slot, about
from ductile.dispatch.chores import Chores
from ductile.dispatch.gates.gate import Gate
from ductile.dispatch.places import Place, Places, Promise
from ductile.model.clock import Clock, Millis
from ductile.model.job import Claimed, Job
from ductile.model.signal import CancelRunning, Drained, Due, Ready, Signal
from ductile.model.snapshot import Snapshot
from ductile.plugin.runner.call import Stop
from ductile.store import claim as queue
from ductile.store.claim import Claims
from ductile.store.errors import StoreUnavailable
from ductile.store.meta import PAUSED_KEY, set_paused
from ductile.store.outage_log import STORE_RETRY_SECONDS, OutageLog
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)


class _Timer(Struct):
    handle: asyncio.TimerHandle
    at: Millis


def _stay() -> None:
    """Give nothing back yet."""


class Dispatcher:
    """Owns the slots of the running attempts, and the claiming of others."""

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
        """Job → its attempt, until that is settled."""
        self._places = Places(self._wake)
        self._early_stops: set[str] = set()
        self._outage_log = OutageLog("claiming waits for the store")
        self._wanted = False
        """Whether there may be something to claim."""
        self._asked: set[asyncio.Future[Claims]] = set()
        """Claims on their way."""
        self._timer: _Timer | None = None
        self._chores = Chores(store, current)
        self._at_work: set[asyncio.Task[None]] = set()
        """The running attempts."""
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        """Once started; it ends when claiming does, with `drain`, or by a failure that the app must see."""
        self.paused = False
        self._switching = asyncio.Lock()
        """Pauses and resumes go one after the other: what was stored last holds."""
        self.draining = False

    @property
    def running(self) -> int:
        """How many attempts are not settled yet."""
        return len(self._slots)

    async def start(self) -> None:
        """Begin to claim: first what was queued, held or due when the gateway last stopped."""
        self._store.on_commit(self._signals)
        self.paused = await self._store.meta(PAUSED_KEY) == "1"
        self._ready.update(await self._store.ready_lanes())
        self._arm(self._clock())
        self._chores.release()
        self.task = asyncio.create_task(self._run(), name="dispatch")
        self._store.before_flush(self._join)
        self._wake()

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a reload: hold the jobs of what has gone, release those of what has come back."""
        if self.draining:
            return
        self._attempts.apply()
        for gone in old.plugins.keys() - new.plugins.keys():
            self._chores.hold(gone)
        self._ready.update(new.plugins)
        self._chores.release()
        self._wake()

    async def pause(self) -> None:
        """Claim nothing until `resume`, over restarts too; intake goes on."""
        async with self._switching:
            before, self.paused = self.paused, True  # at once, so that no claim is asked for behind the commit
            try:
                await self._store.write(set_paused, "1")
            except StoreUnavailable:
                self.paused = before
                self._wake()
                raise
        log.info("paused")

    async def resume(self) -> None:
        """Claim again."""
        async with self._switching:
            await self._store.write(set_paused, "0")
            self.paused = False
            self._wake()
        log.info("resumed")

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Claim nothing more; wait so many seconds (or for `hurry`) for running attempts, then stop them as lost."""
        self.draining = True
        self._cancel_timer()
        while self._asked:
            await asyncio.wait(self._asked)
        if not self._over.done():
            self._over.set_result(None)
        if self.task is not None:
            await asyncio.wait({self.task})
        await self._chores.close()
        await _either(self._at_work, hurry, seconds)
        for slot in self._slots.values():
            slot.stop(Stop.LOST)
        if self._at_work:
            await asyncio.wait(self._at_work)
        await self._attempts.close()

    # ------------------------------------------------------------------ signals

    def _signals(self, signals: Sequence[Signal]) -> None:
        for signal in signals:
            if isinstance(signal, Ready):
                self._ready.add(signal.lane)
                self._wake()
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
        self._chores.promote(self._arm)

    # ------------------------------------------------------------------ claiming

    async def _run(self) -> None:
        await self._over

    def _wake(self) -> None:
        """There may be something to claim: it goes with what is written next, or by itself."""
        self._wanted = True
        self._store.flush_soon()

    def _join(self) -> None:
        """Claim with what is just being written: what it settles or submits stands in the same commit."""
        wanted, self._wanted = self._wanted, False
        if not wanted or self.paused or self.draining or self._over.done():
            return
        snapshot = self._current()
        for lane in self._ready - snapshot.plugins.keys():
            self._ready.discard(lane)
            self._chores.hold(lane)
        promise = self._places.promise(snapshot, self._ready, queue.MAX_MOVED_JOBS)
        if promise is not None:
            asked = self._store.write(queue.claim, promise.lanes, promise.total, self._gate(snapshot))
            self._asked.add(asked)
            asked.add_done_callback(partial(self._claimed, snapshot, promise))

    def _claimed(self, snapshot: Snapshot, promise: Promise, asked: asyncio.Future[Claims]) -> None:
        """Start what was claimed. Where the store cannot be written, it is tried again; any other failure ends all."""
        self._asked.discard(asked)
        self._places.redeem(promise)
        try:
            claims = asked.result()
        except StoreUnavailable as unavailable:
            self._outage_log.failed(unavailable)
            asyncio.get_running_loop().call_later(STORE_RETRY_SECONDS, self._wake)
            return
        except Exception as error:  # noqa: BLE001 - the app sees it, and stops
            if not self._over.done():
                self._over.set_exception(error)
            return
        self._outage_log.recovered()
        for claimed in claims.claimed:
            self._launch(claimed, snapshot)
        if not self._asked:
            self._early_stops.clear()
        if self._ready:
            self._wake()

    def _gate(self, snapshot: Snapshot) -> Callable[[Job], str | None]:
        def gate(job: Job) -> str | None:
            return next((held for one in self._gates if (held := one.admit(job, snapshot)) is not None), None)

        return gate

    def _launch(self, claimed: Claimed, snapshot: Snapshot) -> None:
        job = claimed.job
        place = self._places.take(job.lane)
        # One at a time means that the next one sees what this one has left behind: only once that is settled.
        alone = snapshot.plugins[job.plugin].parallelism == 1
        slot = Slot(_stay if alone else place.leave)
        self._slots[job.id] = slot
        if job.id in self._early_stops:
            slot.stop(Stop.CANCELLED)
        task = asyncio.create_task(self._attempt(claimed, snapshot, slot, place))
        self._at_work.add(task)
        task.add_done_callback(partial(self._ended, job))

    async def _attempt(self, claimed: Claimed, snapshot: Snapshot, slot: Slot, place: Place) -> None:
        try:
            await self._attempts.run(claimed, snapshot, slot)
        finally:
            if self._slots.get(claimed.job.id) is slot:
                del self._slots[claimed.job.id]
            place.leave()

    def _ended(self, job: Job, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        if (error := task.exception()) is not None:
            log.error("attempt was not settled", **about(job), exc_info=error)


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
