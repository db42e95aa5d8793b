"""Moves waiting jobs: promotes them when they are due, holds and releases them as plugins go and come.

A move is tried until the store can commit, and may be dropped at any time: the next start moves the jobs again.
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


class LaneMover:
    """Each method starts a task; the store reports the jobs that may be claimed."""

    def __init__(self, store: Store, current_snapshot: Callable[[], Snapshot]) -> None:
        self._store = store
        self._current_snapshot = current_snapshot
        self._tasks: set[asyncio.Task[None]] = set()

    def promote(self, arm: Callable[[Millis], None]) -> None:
        """Promote due jobs; `arm` is called with the next due time."""
        self._start_task(self._promote(arm))

    def hold(self, lane: str) -> None:
        """Hold the queued jobs of a lane whose plugin is gone."""
        self._start_task(self._hold(lane))

    def release(self) -> None:
        """Queue held jobs again whose plugin and command exist."""
        self._start_task(self._release())

    async def close(self) -> None:
        """Cancel the tasks that have not ended."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _promote(self, arm: Callable[[Millis], None]) -> None:
        following = await self._write_until_committed(queue.promote)
        if following is not None:
            arm(following)

    async def _hold(self, lane: str) -> None:
        while (
            await self._write_until_committed(queue.hold_lane, lane, queue.PLUGIN_UNAVAILABLE) == queue.MAX_MOVED_JOBS
        ):
            pass
        if lane in self._current_snapshot().plugins:  # a reload may have brought the plugin back before this hold
            await self._release()

    async def _release(self) -> None:
        released = queue.MAX_MOVED_JOBS
        while released == queue.MAX_MOVED_JOBS:
            plugins = self._current_snapshot().plugins  # read anew: jobs of a plugin that has gone again must stay held
            usable = {name: frozenset(plugin.manifest.commands) for name, plugin in plugins.items()}
            released = await self._write_until_committed(queue.release, usable)

    async def _write_until_committed(self, operation: Callable[..., T], *args: object) -> T:
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

    def _start_task(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("chore failed", exc_info=error)
