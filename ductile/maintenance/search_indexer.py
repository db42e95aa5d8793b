"""Indexes the text of ended attempts in the background, so that settling does not wait for the index."""

import asyncio
from collections.abc import Sequence

from ductile.background_service import cancel_and_wait
from ductile.model.notification import JobEnded, Notification
from ductile.model.snapshot import Snapshot
from ductile.observe.outage_log import OutageLog
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

BATCH_INTERVAL_SECONDS = 1.0
"""Seconds between two batches at least, so that a batch is worth its commit; a full batch does not wait."""

CONTENDED_INTERVAL_SECONDS = 0.1
"""Seconds before a full batch at least, while an operation waits for the writer."""

PAUSE_FACTOR = 10
"""The pause after a batch is at least this many times the batch's own duration: the queue needs the writer first."""


class SearchIndexer:
    """Indexes after jobs have ended; a search does not wait for it, but indexes missing attempts itself."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts_ended = asyncio.Event()
        self._outage_log = OutageLog("full text waits for the store")
        self._attempts_ended.set()  # the last gateway may have left attempts without an index
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to index."""
        self._store.on_commit(self._on_notifications)
        self.task = asyncio.create_task(self._run(), name="log index")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Ignore a reload: indexing does not depend on the configuration."""

    async def stop(self) -> None:
        """Stop indexing."""
        await cancel_and_wait(self.task)

    def _on_notifications(self, signals: Sequence[Notification]) -> None:
        if not self._attempts_ended.is_set() and any(type(signal) is JobEnded for signal in signals):
            self._attempts_ended.set()

    async def _run(self) -> None:
        while True:
            await self._attempts_ended.wait()
            while self._store.capacity_error is not None:  # noqa: ASYNC110 - free space is left to running jobs
                await asyncio.sleep(BATCH_INTERVAL_SECONDS)
            self._attempts_ended.clear()
            await asyncio.sleep(await self._index_batch())

    async def _index_batch(self) -> float:
        """Index one batch; returns the seconds until the next."""
        seconds, min_pause = 0.0, BATCH_INTERVAL_SECONDS
        try:
            progress = await self._store.index_logs()
        except StoreUnavailable as unavailable:
            self._outage_log.record_failure(unavailable)
            self._attempts_ended.set()
        else:
            self._outage_log.record_recovery()
            if progress.more:
                self._attempts_ended.set()
                min_pause = CONTENDED_INTERVAL_SECONDS if progress.contended else 0.0
            seconds = progress.seconds
        return max(min_pause, PAUSE_FACTOR * seconds)
