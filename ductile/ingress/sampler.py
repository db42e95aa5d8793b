"""Brings the metrics what no request and no attempt does: commits, reloads, and how late the event loop is."""

import asyncio

from ductile.config.reload import FinishedReload, LiveConfig
from ductile.model.clock import Clock
from ductile.model.snapshot import Snapshot
from ductile.observe.metrics import Metrics
from ductile.store.sqlite.store import Store

EVERY = 1.0
"""Seconds between two looks at the event loop."""


class Sampler:
    """Listens to store and reloads, and asks the event loop for a wake-up every second to see when it comes."""

    def __init__(self, metrics: Metrics, store: Store, live: LiveConfig, clock: Clock) -> None:
        self._metrics = metrics
        self._store = store
        self._live = live
        self._clock = clock
        self.task: asyncio.Task[None] | None = None
        """The sampling itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Begin to listen and to sample."""
        self._store.on_batch(self._metrics.committed)
        self._live.on_finish(self._reloaded)
        self.task = asyncio.create_task(self._run(), name="sampler")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: nothing of it is configured."""

    async def stop(self) -> None:
        """Sample no more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    async def _reloaded(self, reload: FinishedReload) -> None:
        result = "refused" if reload.refusal else "changed" if reload.changed else "unchanged"
        self._metrics.reloaded(result, self._clock() / 1000)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY
            await asyncio.sleep(EVERY)
            self._metrics.lagged(max(0.0, loop.time() - due))
