"""`init`: each plugin instance with this command gets one `init` job, and another one whenever the plugin has changed.

A plugin has changed when its manifest, its entrypoint, its `config` or its `env` has. Neither a reload nor other jobs
of the plugin wait for `init`; its job goes before queued jobs of the plugin, so with `parallelism: 1` before all.
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from ductile.background_service import cancel_and_wait
from ductile.flow import plan_starts
from ductile.model.clock import Clock
from ductile.model.event import Event
from ductile.model.health import INIT_COMMAND
from ductile.model.ids import new_id
from ductile.model.job import SubmittedBy
from ductile.model.snapshot import Snapshot
from ductile.model.writes import PluginInit, Start
from ductile.observe.outage_log import STORE_RETRY_SECONDS, OutageLog
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

INIT_TRIGGER = "plugin.init"
"""The type of an init job's event, whose payload is empty."""

INIT_PRIORITY = 100
"""The priority of init jobs: the highest."""


class PluginInits:
    """Queues init jobs at the start of the gateway and after each swap of the configuration."""

    def __init__(self, store: Store, current_snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._current_snapshot = current_snapshot
        self._clock = clock
        self._changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to queue init jobs."""
        self.task = asyncio.create_task(self._run(), name="init")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload."""
        self._changed.set()

    async def stop(self) -> None:
        """Stop queuing init jobs."""
        await cancel_and_wait(self.task)

    async def _run(self) -> None:
        outage_log = OutageLog("init waits for the store")
        while True:
            self._changed.clear()
            try:
                await self._queue_inits(self._current_snapshot())
                outage_log.record_recovery()
            except StoreUnavailable as unavailable:
                outage_log.record_failure(unavailable)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), STORE_RETRY_SECONDS)
                continue
            await self._changed.wait()

    async def _queue_inits(self, snapshot: Snapshot) -> None:
        inits = [
            PluginInit(plugin=name, hash=plugin.init_hash, start=_init_start(snapshot, name, self._clock()))
            for name, plugin in snapshot.plugins.items()
            if plugin.init_hash is not None
        ]
        for accepted in await self._store.begin_inits(inits) if inits else ():
            log.info("init queued", plugin=accepted.plugin, job_id=accepted.job_id)


def _init_start(snapshot: Snapshot, plugin: str, now: int) -> Start:
    event = Event(id=new_id(), type=INIT_TRIGGER, payload=b"{}", source="", timestamp=now)
    lineage = plan_starts.Lineage(
        principal=INIT_COMMAND, submitted_by=SubmittedBy.INIT, route=True, priority=INIT_PRIORITY
    )
    return plan_starts.plan_job(snapshot, plugin, INIT_COMMAND, event, lineage, job_id=new_id())
