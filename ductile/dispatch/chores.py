"""What moves jobs that do not run: promotes them when they are due, holds and releases them as plugins go and come.

A chore tries until the store can commit. It may be dropped at any time: the next start takes it up again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

import structlog

from ductile.model.clock import Millis
from ductile.model.snapshot import Snapshot
from ductile.store import claim as queue
from ductile.store.errors import StoreUnavailable
from ductile.store.outage_log import STORE_RETRY_SECONDS, OutageLog
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Chores:
    """Each is begun and works by itself; jobs that may be claimed then are signalled by the store."""

    def __init__(self, store: Store, current: Callable[[], Snapshot]) -> None:
        self._store = store
        self._current = current
        self._tasks: set[asyncio.Task[None]] = set()

    def promote(self, arm: Callable[[Millis], None]) -> None:
        """Make claimable what is due; `arm` is told when the next one is."""
        self._begin(self._promote(arm))

    def hold(self, lane: str) -> None:
        """Hold what waits in a lane whose plugin is gone."""
        self._begin(self._hold(lane))

    def release(self) -> None:
        """Queue again what was held for want of a plugin or command that is there."""
        self._begin(self._release())

    async def close(self) -> None:
        """Drop what is still to be done."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _promote(self, arm: Callable[[Millis], None]) -> None:
        following = await self._insist(queue.promote)
        if following is not None:
            arm(following)

    async def _hold(self, lane: str) -> None:
        while await self._insist(queue.hold_lane, lane, queue.PLUGIN_UNAVAILABLE) == queue.MAX_MOVED_JOBS:
            pass
        if lane in self._current().plugins:  # a reload has brought it back meanwhile, and may have released before this
            await self._release()

    async def _release(self) -> None:
        released = queue.MAX_MOVED_JOBS
        while released == queue.MAX_MOVED_JOBS:
            plugins = self._current().plugins  # as they are now: what has gone again would be held at once
            usable = {name: frozenset(plugin.manifest.commands) for name, plugin in plugins.items()}
            released = await self._insist(queue.release, usable)

    async def _insist(self, operation: Callable[..., T], *args: object) -> T:
        outage_log = OutageLog("waiting jobs wait for the store")
        while True:
            try:
                result = await self._store.write(operation, *args)
            except StoreUnavailable as unavailable:
                outage_log.failed(unavailable)
                await asyncio.sleep(STORE_RETRY_SECONDS)
            else:
                outage_log.recovered()
                return result

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("chore failed", exc_info=error)
