"""Writes the full text of what has ended, behind the work: settling must not wait for it."""

import asyncio
import time
from collections.abc import Sequence

from ductile.model.signal import JobEnded, Signal
from ductile.model.snapshot import Snapshot
from ductile.store.errors import StoreUnavailable
from ductile.store.outage_log import OutageLog
from ductile.store.sqlite.search.indexer import Indexed, Words, index_attempts
from ductile.store.sqlite.store import Store
from ductile.store.sqlite.transaction import Tx

PAUSE = 1.0
"""Seconds until the next batch at least, so that it is worth its commit; one that is full already does not wait so."""

BESIDE = 0.1
"""Seconds until a full batch at least, while somebody waits for the writer."""

SHARE = 10
"""One part in so many of the time goes into full text at most: the writer is there for the queue first."""


class LogIndex:
    """Follows the ends of jobs; a search need not wait for it, but writes what is missing itself."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended = asyncio.Event()
        self._outage_log = OutageLog("full text waits for the store")
        self._ended.set()  # the last gateway may have left something
        self.task: asyncio.Task[None] | None = None
        """The indexing itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Begin to index."""
        self._store.on_commit(self._heard)
        self.task = asyncio.create_task(self._run(), name="log index")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: nothing here depends on the configuration."""

    async def stop(self) -> None:
        """Index nothing more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    def _heard(self, signals: Sequence[Signal]) -> None:
        if not self._ended.is_set() and any(type(signal) is JobEnded for signal in signals):
            self._ended.set()

    async def _run(self) -> None:
        while True:
            await self._ended.wait()
            while self._store.capacity_error is not None:  # noqa: ASYNC110 - what room there is, is for what runs
                await asyncio.sleep(PAUSE)
            self._ended.clear()
            await asyncio.sleep(await self._batch())

    async def _batch(self) -> float:
        """One batch; the seconds until the next. Where more is left, another one follows."""
        began = time.monotonic()
        least = PAUSE
        try:
            ahead = await self._store.large_text()
            began = time.monotonic()
            done, crowded = await self._store.write(self._index, ahead)
        except StoreUnavailable as unavailable:
            self._outage_log.failed(unavailable)
            self._ended.set()
        else:
            self._outage_log.recovered()
            if done.more:
                self._ended.set()
                least = BESIDE if crowded else 0.0
        return max(least, SHARE * (time.monotonic() - began))

    def _index(self, tx: Tx, ahead: Words | None) -> tuple[Indexed, bool]:
        """On the writing thread: one batch, and whether anybody waits for it."""
        done = index_attempts(tx) if ahead is None else index_attempts(tx, ahead)
        return done, self._store.has_waiters()
