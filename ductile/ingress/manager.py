"""Tells the service manager (systemd) how the gateway stands: ready, reloading, stopping, alive."""

import asyncio
import time

import structlog

from ductile.config.reload import FinishedReload, LiveConfig
from ductile.model.snapshot import Snapshot
from ductile.observe.notify import Notifier
from ductile.store.errors import StoreClosed, StoreUnavailable
from ductile.store.sqlite.store import Store
from ductile.store.sqlite.transaction import Tx

log = structlog.get_logger(__name__)


class ServiceManager:
    """Ready once it is started, which is after everything else; alive as long as event loop and writing thread work.

    A disk that is full does not end that: no restart would mend it, and `/readyz` says so.
    """

    def __init__(self, notifier: Notifier, store: Store, live: LiveConfig) -> None:
        self._notifier = notifier
        self._store = store
        self._live = live
        self.task: asyncio.Task[None] | None = None
        """The signs of life, once started where they are wanted; it ends with `stop`, or by a failure."""

    async def start(self) -> None:
        """Say that the gateway is ready, and begin to give signs of life."""
        self._live.on_begin(self._reloading)
        self._live.on_finish(self._reloaded)
        self._notifier.tell(READY=1, STATUS=status(self._live.snapshot))
        if self._notifier.watchdog is not None:
            self.task = asyncio.create_task(self._live_on(self._notifier.watchdog / 2), name="watchdog")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: it is told of when it is over."""

    async def stop(self) -> None:
        """Say that the gateway stops: from then on the service manager wants no more signs of life."""
        self._notifier.tell(STOPPING=1, STATUS="Stopping: waiting for what runs")
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    def _reloading(self) -> None:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notifier.tell(RELOADING=1, MONOTONIC_USEC=now, STATUS="Reading the configuration")

    async def _reloaded(self, reload: FinishedReload) -> None:
        refused = "The last reload was refused. " if reload.refusal else ""
        self._notifier.tell(READY=1, STATUS=refused + status(reload.new))

    async def _live_on(self, interval: float) -> None:
        while True:
            try:
                await self._store.write(nothing)
            except StoreClosed:
                return
            except StoreUnavailable as unavailable:
                log.error("no sign of life", reason=unavailable.message)
            else:
                self._notifier.tell(WATCHDOG=1)
            await asyncio.sleep(interval)


def nothing(_tx: Tx) -> None:
    """Writes nothing: that it returns shows that the writing thread works."""


def status(snapshot: Snapshot) -> str:
    """What `systemctl status` shows."""
    kinds = [one.kind for one in snapshot.unusable.values()]
    quarantined = f", {n} quarantined" if (n := kinds.count("quarantined")) else ""
    return f"Serving generation {snapshot.generation}: {len(snapshot.plugins)} plugins{quarantined}"
