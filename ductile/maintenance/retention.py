"""Retention: deletes rows older than the configuration keeps, in bounded batches with pauses for other work."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog

from ductile.background_service import cancel_and_wait
from ductile.model.clock import Clock, Millis
from ductile.model.snapshot import Snapshot
from ductile.observe.outage_log import OutageLog
from ductile.store.contract import Enough, Store, TrimKind
from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

RETENTION_INTERVAL_SECONDS = 600.0
"""Seconds between two rounds."""

RETRY_INTERVAL_SECONDS = 5.0
"""Seconds until a failed round is tried again: on a full disk, trimming frees space."""

BATCH_SECONDS = 0.010
"""Seconds of a trimming transaction while no operation waits for the writer, without its last slice."""

CONTENDED_BATCH_SECONDS = 0.003
"""Seconds of a trimming transaction while operations wait for the writer, without its last slice."""

MAX_WAL_BYTES = 32 * 1024 * 1024
"""Bytes of the write-ahead log above which trimming waits: the whole log is written back at once later."""

WAL_CHECK_INTERVAL_SECONDS = 1.0
"""Seconds until a write-ahead log that was too long is measured again."""

CONTENTION_MEMORY_SECONDS = 0.5
"""Seconds after an operation has waited for the writer during which others are expected to wait."""

PAUSE_FACTOR = 2
"""Beside other writers, a batch and its pause last this many times the batch's own duration."""


class Retention:
    """Trims the store once at start, then every ten minutes, and when less is to be kept."""

    def __init__(self, store: Store, current_snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._current_snapshot = current_snapshot
        self._clock = clock
        self._throttle = Throttle(store)
        self._outage_log = OutageLog("retention waits for the store")
        self._changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to trim."""
        self.task = asyncio.create_task(self._run(), name="retention")

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a reload: a round begins where a retention period has changed."""
        if _retention_periods(old) != _retention_periods(new):
            self._changed.set()

    async def stop(self) -> None:
        """Stop trimming."""
        await cancel_and_wait(self.task)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            pause = RETENTION_INTERVAL_SECONDS
            try:
                await self.trim_all()
            except StoreUnavailable as unavailable:
                self._outage_log.record_failure(unavailable)
                pause = RETRY_INTERVAL_SECONDS
            else:
                self._outage_log.record_recovery()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    async def trim_all(self) -> None:
        """Trim all rows that are too old now."""
        deleted = 0
        while more := await self._trim_batches():
            deleted += more
        await self._store.trim_counts()
        while await self._throttle.step(self._store.free_space):
            pass
        if deleted:
            log.info("trimmed", rows=deleted)

    async def _trim_batches(self) -> int:
        """Trim one batch of each kind of row; returns the number of deleted rows."""
        service, now = self._current_snapshot().service, self._clock()
        jobs, attempts = now - service.job_queue_retention, now - service.job_log_retention
        deleted = 0
        oldest = {TrimKind.JOBS: jobs, TrimKind.ATTEMPTS: attempts, TrimKind.JOURNAL: attempts, TrimKind.KEYS: now}
        for kind, before in oldest.items():
            deleted += await self._throttle.step(partial(self._store.trim, kind, before))
        return deleted


def _retention_periods(snapshot: Snapshot) -> tuple[Millis, Millis]:
    return snapshot.service.job_queue_retention, snapshot.service.job_log_retention


class Throttle:
    """Runs batches: long ones while nobody else writes, short ones with pauses while others write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._contended_at = -math.inf

    async def step(self, write: Callable[[Enough], Awaitable[T]]) -> T:
        """Run one batch that stops in time; beside other writers, pause as long as the batch took."""
        while await self._store.log_size() > MAX_WAL_BYTES:  # noqa: ASYNC110 - a file reports no change
            await asyncio.sleep(WAL_CHECK_INTERVAL_SECONDS)
        began = time.monotonic()
        result = await write(time_budget(self._is_contended, self._max_seconds))
        if self._contended_at > began - CONTENTION_MEMORY_SECONDS:
            await asyncio.sleep((PAUSE_FACTOR - 1) * (time.monotonic() - began))
        return result

    def _is_contended(self) -> bool:
        """Whether an operation waits for the writer, or has waited recently; called on the writing thread."""
        now = time.monotonic()
        if self._store.has_waiters():
            self._contended_at = now
        return self._contended_at > now - CONTENTION_MEMORY_SECONDS

    def _max_seconds(self) -> float:
        """The most seconds of a transaction; 0 on a full disk, where only one slice fits into the free space."""
        return math.inf if self._store.capacity_error is None else 0.0


def time_budget(
    contended: Callable[[], bool] = lambda: False, max_seconds: Callable[[], float] = lambda: math.inf
) -> Callable[[], bool]:
    """A function that says whether a batch has used up its time, which begins with the first call."""
    began_at = math.inf

    def used_up() -> bool:
        nonlocal began_at
        now = time.monotonic()
        began_at = min(began_at, now)
        return now - began_at >= min(CONTENDED_BATCH_SECONDS if contended() else BATCH_SECONDS, max_seconds())

    return used_up
