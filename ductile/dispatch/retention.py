"""Retention: what is older than the configuration keeps goes, in bounded batches with room for other work between."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from ductile.model.clock import Clock, Millis
from ductile.model.snapshot import Snapshot
from ductile.store.errors import StoreUnavailable
from ductile.store.outage_log import OutageLog
from ductile.store.retention import (
    free_search_pages,
    shrink_file,
    trim_attempts,
    trim_counts,
    trim_jobs,
    trim_journal,
    trim_keys,
)
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)

T = TypeVar("T")

EVERY = 600.0
"""Seconds between two rounds."""

RETRY_SECONDS = 5.0
"""Until a round that failed begins anew: on a full disk trimming is what makes room."""

LONGEST = 0.010
"""Seconds that one transaction trims while nobody waits for it, and a slice more."""

BRIEF = 0.003
"""Seconds that one transaction trims where somebody waits for it, and a slice more."""

LONGEST_LOG = 32 * 1024 * 1024
"""Bytes of the write-ahead log beyond which nothing is trimmed: all of it is written back at once some time."""

AGAIN = 1.0
"""Seconds until a log is looked at again that was too long."""

LATELY = 0.5
"""Seconds after somebody waited in which somebody else is expected to."""

SHARE = 2
"""One part in so many of the time goes into trimming at most, where others write: they make the rows."""


class Retention:
    """Trims the store once at start, then every ten minutes, and when less is to be kept."""

    def __init__(self, store: Store, current: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._current = current
        self._clock = clock
        self._pace = Pace(store)
        self._outage_log = OutageLog("retention waits for the store")
        self._changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        """The trimming itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Begin to trim."""
        self.task = asyncio.create_task(self._run(), name="retention")

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a reload: a round begins where it keeps something for another time."""
        if _kept(old) != _kept(new):
            self._changed.set()

    async def stop(self) -> None:
        """Trim nothing more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            pause = EVERY
            try:
                await self.round()
            except StoreUnavailable as unavailable:
                self._outage_log.failed(unavailable)
                pause = RETRY_SECONDS
            else:
                self._outage_log.recovered()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    async def round(self) -> None:
        """Trim all that is too old by now."""
        deleted = 0
        while more := await self._turn():
            deleted += more
        await self._store.write(trim_counts)
        for room in (free_search_pages, shrink_file):
            while await self._pace.step(room):
                pass
        if deleted:
            log.info("trimmed", rows=deleted)

    async def _turn(self) -> int:
        """One batch of each kind of row; how many rows went."""
        service, now = self._current().service, self._clock()
        jobs, attempts = now - service.job_queue_retention, now - service.job_log_retention
        deleted = 0
        for trim, before in ((trim_jobs, jobs), (trim_attempts, attempts), (trim_journal, attempts), (trim_keys, now)):
            deleted += await self._pace.step(trim, before)
        return deleted


def _kept(snapshot: Snapshot) -> tuple[Millis, Millis]:
    return snapshot.service.job_queue_retention, snapshot.service.job_log_retention


class Pace:
    """Batches that are long while nobody else writes, and short and with pauses between them while somebody does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._crowded_at = -math.inf

    async def step(self, operation: Callable[..., T], *args: Millis) -> T:
        """One batch that stops in time; beside others, a pause follows that is as long as it took."""
        while await self._store.log_size() > LONGEST_LOG:  # noqa: ASYNC110 - nobody tells of a file
            await asyncio.sleep(AGAIN)
        began = time.monotonic()
        result = await self._store.write(operation, *args, stopwatch(self._crowded, self._limit))
        if self._crowded_at > began - LATELY:
            await asyncio.sleep((SHARE - 1) * (time.monotonic() - began))
        return result

    def _crowded(self) -> bool:
        """Whether somebody waits for this batch, or has waited for one of the last; asked on the writing thread."""
        now = time.monotonic()
        if self._store.has_waiters():
            self._crowded_at = now
        return self._crowded_at > now - LATELY

    def _limit(self) -> float:
        """Seconds of a transaction at most: none on a full disk, where a slice must fit into what is left."""
        return math.inf if self._store.capacity_error is None else 0.0


def stopwatch(
    awaited: Callable[[], bool] = lambda: False, limit: Callable[[], float] = lambda: math.inf
) -> Callable[[], bool]:
    """Says when a batch has taken long enough for those who wait for it; the time begins with the first question."""
    began_at = math.inf

    def enough() -> bool:
        nonlocal began_at
        now = time.monotonic()
        began_at = min(began_at, now)
        return now - began_at >= min(BRIEF if awaited() else LONGEST, limit())

    return enough
