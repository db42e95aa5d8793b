"""Measures commits, reloads, and the lag of the event loop."""

import asyncio

from ductile.background_service import cancel_and_wait
from ductile.config.reload import FinishedReload, LiveConfig
from ductile.model.clock import Clock
from ductile.model.snapshot import Snapshot
from ductile.observe.metrics import Metrics
from ductile.store.contract import Store

LAG_SAMPLE_INTERVAL_SECONDS = 1.0
"""Seconds between two measurements of the event loop's lag."""


class MetricsSampler:
    """Counts commits and reloads, and measures every second how late the event loop wakes a sleeping task."""

    def __init__(self, metrics: Metrics, store: Store, live: LiveConfig, clock: Clock) -> None:
        self._metrics = metrics
        self._store = store
        self._live = live
        self._clock = clock
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to count and to measure."""
        self._store.on_batch(self._metrics.count_commit)
        self._live.on_finish(self._count_reload)
        self.task = asyncio.create_task(self._run(), name="sampler")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Ignore a reload: sampling is not configured."""

    async def stop(self) -> None:
        """Stop measuring."""
        await cancel_and_wait(self.task)

    async def _count_reload(self, reload: FinishedReload) -> None:
        result = "refused" if reload.refusal else "changed" if reload.changed else "unchanged"
        self._metrics.count_reload(result, self._clock() / 1000)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SAMPLE_INTERVAL_SECONDS
            await asyncio.sleep(LAG_SAMPLE_INTERVAL_SECONDS)
            self._metrics.record_lag(max(0.0, loop.time() - due))
