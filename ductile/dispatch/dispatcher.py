"""The dispatcher: claims jobs as soon as they may run, and runs each attempt in its own task.

The dispatcher sleeps until a commit reports ready jobs, a timer reports due jobs, or a slot becomes free.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from msgspec import Struct

from ductile.dispatch.attempt import AttemptHandle, AttemptRunner, log_fields
from ductile.dispatch.gates.gate import Gate
from ductile.dispatch.lane_mover import LaneMover
from ductile.dispatch.slots import Reservation, Slot, Slots
from ductile.model.claims import MAX_MOVED_JOBS, Claims, GateAnswer
from ductile.model.clock import Clock, Millis
from ductile.model.job import ClaimedJob, Job
from ductile.model.notification import CancelAttempt, JobDue, LaneDrained, LaneReady, Notification
from ductile.model.snapshot import Snapshot
from ductile.observe.outage_log import STORE_RETRY_SECONDS, OutageLog
from ductile.plugin.runner.interface import StopReason
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)


class _Timer(Struct):
    handle: asyncio.TimerHandle
    at: Millis


def _keep_slot() -> None:
    """Keep the slot until the attempt is settled."""


class Dispatcher:
    """Claims jobs and owns the slots of running attempts."""

    def __init__(
        self,
        store: Store,
        current_snapshot: Callable[[], Snapshot],
        gates: Sequence[Gate],
        attempt_runner: AttemptRunner,
        clock: Clock,
    ) -> None:
        self._store = store
        self._current_snapshot = current_snapshot
        self._gates = tuple(gates)
        self._attempt_runner = attempt_runner
        self._clock = clock
        self._ready: set[str] = set()
        self._handles: dict[str, AttemptHandle] = {}
        """Job → the handle of its attempt, until the attempt is settled."""
        self._slots = Slots(self._wake)
        self._early_stops: set[str] = set()
        self._outage_log = OutageLog("claiming waits for the store")
        self._claim_wanted = False
        """Whether jobs may be ready to claim."""
        self._pending_claims: set[asyncio.Future[Claims]] = set()
        """Claims on their way."""
        self._timer: _Timer | None = None
        self._lane_mover = LaneMover(store, current_snapshot)
        self._attempt_tasks: set[asyncio.Task[None]] = set()
        """The running attempts."""
        self._claiming_ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        """The task that ends with claiming: by `drain`, or by a failure that the app must see."""
        self.paused = False
        self._pause_lock = asyncio.Lock()
        """Orders pauses and resumes, so that the stored state is that of the last."""
        self.draining = False

    @property
    def running(self) -> int:
        """The number of attempts that are not settled."""
        return len(self._handles)

    async def start(self) -> None:
        """Begin to claim, first jobs that were queued, held or due when the gateway last stopped."""
        self._store.on_commit(self._on_notifications)
        self.paused = await self._store.is_paused()
        self._ready.update(await self._store.ready_lanes())
        self._schedule_promotion(self._clock())
        self._lane_mover.release()
        self.task = asyncio.create_task(self._run(), name="dispatch")
        self._store.before_flush(self._claim_in_batch)
        self._wake()

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a reload: hold jobs of removed plugins, release jobs of plugins that are back."""
        if self.draining:
            return
        self._attempt_runner.apply()
        for plugin in old.plugins.keys() - new.plugins.keys():
            self._lane_mover.hold(plugin)
        self._ready.update(new.plugins)
        self._lane_mover.release()
        self._wake()

    async def pause(self) -> None:
        """Stop claiming until `resume`, also after restarts; new jobs are still accepted."""
        async with self._pause_lock:
            before, self.paused = self.paused, True  # at once, so that no claim is asked for behind the commit
            try:
                await self._store.set_paused(paused=True)
            except StoreUnavailable:
                self.paused = before
                self._wake()
                raise
        log.info("paused")

    async def resume(self) -> None:
        """Claim again."""
        async with self._pause_lock:
            await self._store.set_paused(paused=False)
            self.paused = False
            self._wake()
        log.info("resumed")

    async def drain(self, seconds: float, force_stop: asyncio.Event) -> None:
        """Stop claiming; wait so many seconds (or for `force_stop`) for running attempts, then stop them as lost."""
        self.draining = True
        self._cancel_timer()
        while self._pending_claims:
            await asyncio.wait(self._pending_claims)
        if not self._claiming_ended.done():
            self._claiming_ended.set_result(None)
        if self.task is not None:
            await asyncio.wait({self.task})
        await self._lane_mover.close()
        await _wait_for_tasks(self._attempt_tasks, force_stop, seconds)
        for handle in self._handles.values():
            handle.stop(StopReason.LOST)
        if self._attempt_tasks:
            await asyncio.wait(self._attempt_tasks)
        await self._attempt_runner.close()

    # ------------------------------------------------------------------ signals

    def _on_notifications(self, signals: Sequence[Notification]) -> None:
        for signal in signals:
            if isinstance(signal, LaneReady):
                self._ready.add(signal.lane)
                self._wake()
            elif isinstance(signal, LaneDrained):
                self._ready.discard(signal.lane)
            elif isinstance(signal, JobDue):
                self._schedule_promotion(signal.run_at)
            elif isinstance(signal, CancelAttempt):
                self._cancel_attempt(signal.job_id)

    def _cancel_attempt(self, job_id: str) -> None:
        handle = self._handles.get(job_id)
        if handle is not None:
            handle.stop(StopReason.CANCELLED)
        else:
            # The claim of the job is committed, but its result has not arrived here yet.
            self._early_stops.add(job_id)

    def _schedule_promotion(self, at: Millis) -> None:
        """Promote due jobs at this time, or after `tick_interval` if that is sooner: clocks can be set."""
        if self.draining or (self._timer is not None and self._timer.at <= at):
            return
        self._cancel_timer()
        wait = min(max(0, at - self._clock()), self._current_snapshot().service.tick_interval)
        handle = asyncio.get_running_loop().call_later(wait / 1000, self._promote_due)
        self._timer = _Timer(handle, at)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.handle.cancel()
            self._timer = None

    def _promote_due(self) -> None:
        self._timer = None
        self._lane_mover.promote(self._schedule_promotion)

    # ------------------------------------------------------------------ claiming

    async def _run(self) -> None:
        await self._claiming_ended

    def _wake(self) -> None:
        """Claim with the store's next batch; a batch is begun where none is under way."""
        self._claim_wanted = True
        self._store.flush_soon()

    def _claim_in_batch(self) -> None:
        """Claim within the batch that is being written, which settles or submits jobs in the same commit."""
        is_wanted, self._claim_wanted = self._claim_wanted, False
        if not is_wanted or self.paused or self.draining or self._claiming_ended.done():
            return
        snapshot = self._current_snapshot()
        for lane in self._ready - snapshot.plugins.keys():
            self._ready.discard(lane)
            self._lane_mover.hold(lane)
        reservation = self._slots.reserve(snapshot, self._ready, MAX_MOVED_JOBS)
        if reservation is not None:
            pending = self._store.claim(reservation.lanes, reservation.total, self._admission(snapshot))
            self._pending_claims.add(pending)
            pending.add_done_callback(partial(self._start_claimed, snapshot, reservation))

    def _start_claimed(self, snapshot: Snapshot, reservation: Reservation, pending: asyncio.Future[Claims]) -> None:
        """Start the claimed attempts. A store that cannot be written is tried again; other failures end claiming."""
        self._pending_claims.discard(pending)
        self._slots.release(reservation)
        try:
            claims = pending.result()
        except StoreUnavailable as unavailable:
            self._outage_log.record_failure(unavailable)
            asyncio.get_running_loop().call_later(STORE_RETRY_SECONDS, self._wake)
            return
        except Exception as error:  # noqa: BLE001 - the app sees it, and stops
            if not self._claiming_ended.done():
                self._claiming_ended.set_exception(error)
            return
        self._outage_log.record_recovery()
        for claimed_job in claims.claimed:
            self._start_attempt(claimed_job, snapshot)
        if not self._pending_claims:
            self._early_stops.clear()
        if self._ready:
            self._wake()

    def _admission(self, snapshot: Snapshot) -> Callable[[Job], GateAnswer]:
        now = self._clock()

        def gate(job: Job) -> GateAnswer:
            return next((answer for one in self._gates if (answer := one.admit(job, snapshot, now)) is not None), None)

        return gate

    def _start_attempt(self, claimed_job: ClaimedJob, snapshot: Snapshot) -> None:
        job = claimed_job.job
        slot = self._slots.take(job.lane)
        # With `parallelism: 1` the next attempt sees the state that this one leaves, so it waits for the settlement.
        alone = snapshot.plugins[job.plugin].parallelism == 1
        handle = AttemptHandle(_keep_slot if alone else slot.release)
        self._handles[job.id] = handle
        if job.id in self._early_stops:
            handle.stop(StopReason.CANCELLED)
        task = asyncio.create_task(self._run_attempt(claimed_job, snapshot, handle, slot))
        self._attempt_tasks.add(task)
        task.add_done_callback(partial(self._attempt_done, job))

    async def _run_attempt(
        self, claimed_job: ClaimedJob, snapshot: Snapshot, handle: AttemptHandle, slot: Slot
    ) -> None:
        try:
            await self._attempt_runner.run(claimed_job, snapshot, handle)
        finally:
            if self._handles.get(claimed_job.job.id) is handle:
                del self._handles[claimed_job.job.id]
            slot.release()

    def _attempt_done(self, job: Job, task: asyncio.Task[None]) -> None:
        self._attempt_tasks.discard(task)
        if (error := task.exception()) is not None:
            log.error("attempt was not settled", **log_fields(job), exc_info=error)


async def _wait_for_tasks(tasks: set[asyncio.Task[None]], force_stop: asyncio.Event, seconds: float) -> None:
    """Wait until all tasks are done, `force_stop` is set, or the time is over."""
    if not tasks:
        return
    all_done = asyncio.ensure_future(asyncio.wait(tasks))
    forced = asyncio.ensure_future(force_stop.wait())
    await asyncio.wait({all_done, forced}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (all_done, forced):
        waiting.cancel()
    await asyncio.gather(all_done, forced, return_exceptions=True)
