"""Retention: what is older than the configuration keeps goes, in bounded batches with room for other work between."""

import asyncio
from collections.abc import Callable

import structlog

from ductile.model.clock import Clock
from ductile.model.snapshot import Snapshot
from ductile.store.errors import StoreUnavailable
from ductile.store.retention import trim
from ductile.store.sqlite import Store

log = structlog.get_logger(__name__)

EVERY = 600.0
"""Seconds between two rounds."""

BATCH = 256
"""Jobs that one transaction deletes at most."""


class Retention:
    """Trims the store once at start, then every ten minutes."""

    def __init__(self, store: Store, current: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._current = current
        self._clock = clock
        self.task: asyncio.Task[None] | None = None
        """The trimming itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Begin to trim."""
        self.task = asyncio.create_task(self._run(), name="retention")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: the next round reads the snapshot anew."""

    async def stop(self) -> None:
        """Trim nothing more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except StoreUnavailable as unavailable:
                log.error("retention waits for the store", reason=unavailable.message)
            await asyncio.sleep(EVERY)

    async def _round(self) -> None:
        service, now = self._current().service, self._clock()
        deleted = 0
        while more := await self._store.write(
            trim,
            jobs_before=now - service.job_queue_retention,
            attempts_before=now - service.job_log_retention,
            limit=BATCH,
        ):
            deleted += more
        if deleted:
            log.info("trimmed", rows=deleted)
