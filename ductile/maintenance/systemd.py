"""Reports the gateway's state to the service manager (systemd): ready, reloading, stopping, alive."""

import asyncio
import time

import structlog

from ductile.background_service import cancel_and_wait
from ductile.config.reload import FinishedReload, LiveConfig
from ductile.model.snapshot import Snapshot
from ductile.observe.sd_notify import Notifier
from ductile.store.contract import Store
from ductile.store.errors import StoreClosed, StoreUnavailable

log = structlog.get_logger(__name__)


class SystemdReporter:
    """Reports ready when started, after all other services; alive as long as event loop and writing thread work.

    A full disk does not stop the signs of life: a restart would not free space, and `/readyz` reports the full disk.
    """

    def __init__(self, notifier: Notifier, store: Store, live: LiveConfig) -> None:
        self._notifier = notifier
        self._store = store
        self._live = live
        self.task: asyncio.Task[None] | None = None
        """The task that sends signs of life, where they are wanted; it ends with `stop`, or by a failure."""

    async def start(self) -> None:
        """Report that the gateway is ready, and start to send signs of life."""
        self._live.on_begin(self._report_reload_begun)
        self._live.on_finish(self._report_reload)
        self._notifier.send(READY=1, STATUS=status_line(self._live.snapshot))
        if self._notifier.watchdog_seconds is not None:
            self.task = asyncio.create_task(self._feed_watchdog(self._notifier.watchdog_seconds / 2), name="watchdog")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Ignore a swap: the end of the reload is reported."""

    async def stop(self) -> None:
        """Report the stop, after which the service manager wants no more signs of life."""
        self._notifier.send(STOPPING=1, STATUS="Stopping: waiting for what runs")
        await cancel_and_wait(self.task)

    def _report_reload_begun(self) -> None:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notifier.send(RELOADING=1, MONOTONIC_USEC=now, STATUS="Reading the configuration")

    async def _report_reload(self, reload: FinishedReload) -> None:
        refused = "The last reload was refused. " if reload.refusal else ""
        self._notifier.send(READY=1, STATUS=refused + status_line(reload.new))

    async def _feed_watchdog(self, interval: float) -> None:
        while True:
            try:
                await self._store.ping()
            except StoreClosed:
                return
            except StoreUnavailable as unavailable:
                log.error("no sign of life", reason=unavailable.message)
            else:
                self._notifier.send(WATCHDOG=1)
            await asyncio.sleep(interval)


def status_line(snapshot: Snapshot) -> str:
    """The status line of `systemctl status`."""
    kinds = [one.kind for one in snapshot.unusable.values()]
    quarantined = f", {n} quarantined" if (n := kinds.count("quarantined")) else ""
    return f"Serving generation {snapshot.generation}: {len(snapshot.plugins)} plugins{quarantined}"
