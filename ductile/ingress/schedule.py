"""Schedules: due times are stored, and each starts one job.

A schedule first fires one interval after its first sync. While the job of its last due time is outstanding, a due
time is skipped. A schedule that came due while no gateway ran fires once, at start.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping

import orjson
import structlog
from msgspec import Struct
from msgspec.structs import replace

from ductile.background_service import cancel_and_wait
from ductile.flow import plan_starts
from ductile.model.clock import Clock, Millis
from ductile.model.event import Event
from ductile.model.ids import new_id
from ductile.model.job import SubmittedBy
from ductile.model.read_models import ScheduleRow
from ductile.model.snapshot import Schedule, Snapshot
from ductile.model.writes import Start
from ductile.observe.outage_log import STORE_RETRY_SECONDS, OutageLog
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

SCHEDULE_TRIGGER = "schedule.fired"
"""The type of a scheduled job's event."""


class Due(Struct, frozen=True):
    """The due time of a schedule, before and after its jitter."""

    base_at: Millis
    due_at: Millis


def next_due(schedule: Schedule, base_at: Millis, now: Millis, jitter_share: float) -> Due:
    """The next due time: on the grid that `base_at` began, in the future, delayed by up to `jitter`."""
    steps = max(1, -(-(now - base_at + 1) // schedule.every))
    base = base_at + steps * schedule.every
    return Due(base, base + int(schedule.jitter * jitter_share))


class Schedules:
    """Fires due schedules. Sleeps until the next due time, at most `tick_interval`: clocks can be set."""

    def __init__(self, store: Store, current_snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._current_snapshot = current_snapshot
        self._clock = clock
        self._changed = asyncio.Event()
        self._outage_log = OutageLog("schedules wait for the store")
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to fire schedules."""
        self.task = asyncio.create_task(self._run(), name="schedules")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload."""
        self._changed.set()

    async def stop(self) -> None:
        """Stop firing schedules."""
        await cancel_and_wait(self.task)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            snapshot = self._current_snapshot()
            schedules = {schedule.id: schedule for schedule in snapshot.schedules}
            try:
                rows = await self._sync_schedules(snapshot, schedules)
                if self._store.capacity_error is None:
                    self._outage_log.record_recovery()
                await self._fire_until_changed(snapshot, schedules, rows)
            except StoreUnavailable as unavailable:
                self._outage_log.record_failure(unavailable)
                await self._wait_for_change(STORE_RETRY_SECONDS)
            while self._store.capacity_error is not None and not self._changed.is_set():
                await self._wait_for_change(STORE_RETRY_SECONDS)

    async def _sync_schedules(self, snapshot: Snapshot, schedules: Mapping[str, Schedule]) -> dict[str, ScheduleRow]:
        """The due time of each schedule; a new one, or one beyond a shortened interval, is due in one interval.

        Schedules of a quarantined plugin keep their due times and fire once the plugin is back.
        """
        now = self._clock()
        first = {
            id_: Due(now + schedule.every, now + schedule.every + int(schedule.jitter * _random_share()))
            for id_, schedule in schedules.items()
        }
        rows = await self._store.sync_schedules({id_: (due.base_at, due.due_at) for id_, due in first.items()})
        by_id = {row.id: row for row in rows}
        for id_, row in by_id.items():
            if row.base_at > first[id_].base_at:
                by_id[id_] = await self._store.reschedule(id_, row.due_at, first[id_].base_at, first[id_].due_at)
        return {id_: row for id_, row in by_id.items() if schedules[id_].plugin in snapshot.plugins}

    async def _fire_until_changed(
        self, snapshot: Snapshot, schedules: Mapping[str, Schedule], rows: dict[str, ScheduleRow]
    ) -> None:
        while not self._changed.is_set():
            now = self._clock()
            for row in [row for row in rows.values() if row.due_at <= now]:
                rows[row.id] = await self._fire(snapshot, schedules[row.id], row, now)
            due = min((row.due_at for row in rows.values()), default=None)
            if due is None:
                await self._changed.wait()
            else:
                wait = min(max(0, due - self._clock()), snapshot.service.tick_interval)
                await self._wait_for_change(wait / 1000)

    async def _fire(self, snapshot: Snapshot, schedule: Schedule, row: ScheduleRow, now: Millis) -> ScheduleRow:
        self._store.check_capacity()
        due = next_due(schedule, row.base_at, now, _random_share())
        accepted = await self._store.fire(
            row.id, row.due_at, due.base_at, due.due_at, _schedule_start(snapshot, schedule, now)
        )
        log.debug("schedule due", schedule=row.id, job_id=accepted.job_id if accepted else None)
        return replace(row, base_at=due.base_at, due_at=due.due_at)

    async def _wait_for_change(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


def _schedule_start(snapshot: Snapshot, schedule: Schedule, now: Millis) -> Start:
    payload = snapshot.seal_secrets(orjson.dumps(schedule.payload))
    event = Event(id=new_id(), type=SCHEDULE_TRIGGER, payload=payload, source="", timestamp=now)
    lineage = plan_starts.Lineage(principal=f"schedule:{schedule.id}", submitted_by=SubmittedBy.SCHEDULE, route=True)
    return plan_starts.plan_job(snapshot, schedule.plugin, schedule.command, event, lineage, job_id=new_id())


def _random_share() -> float:
    return random.random()  # noqa: S311  # spreads load; not a secret
