"""Moves waiting jobs: promotes them when they are due, holds and releases them as plugins go and come.

A move is tried until the store can commit, and may be dropped at any time: the next start moves the jobs again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TypeVar

import structlog

from ductile.model.claims import MAX_MOVED_JOBS, PLUGIN_UNAVAILABLE
from ductile.model.clock import Millis
from ductile.model.snapshot import Snapshot
from ductile.observe.outage_log import STORE_RETRY_SECONDS, OutageLog
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

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
        following = await self._write_until_committed(self._store.promote)
        if following is not None:
            arm(following)

    async def _hold(self, lane: str) -> None:
        hold = partial(self._store.hold_lane, lane, PLUGIN_UNAVAILABLE)
        while await self._write_until_committed(hold) == MAX_MOVED_JOBS:
            pass
        if lane in self._current_snapshot().plugins:  # a reload may have brought the plugin back before this hold
            await self._release()

    async def _release(self) -> None:
        released = MAX_MOVED_JOBS
        while released == MAX_MOVED_JOBS:
            plugins = self._current_snapshot().plugins  # read anew: jobs of a plugin that has gone again must stay held
            usable = {name: frozenset(plugin.manifest.commands) for name, plugin in plugins.items()}
            released = await self._write_until_committed(partial(self._store.release, usable))

    async def _write_until_committed(self, write: Callable[[], Awaitable[T]]) -> T:
        outage_log = OutageLog("waiting jobs wait for the store")
        while True:
            try:
                result = await write()
            except StoreUnavailable as unavailable:
                outage_log.record_failure(unavailable)
                await asyncio.sleep(STORE_RETRY_SECONDS)
            else:
                outage_log.record_recovery()
                return result

    def _start_task(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("chore failed", exc_info=error)
