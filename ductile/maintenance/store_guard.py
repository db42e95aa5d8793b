"""Watches the files of the state: where they are lost or damaged, new work is refused and health reports it."""

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from functools import partial

import structlog

from ductile.background_service import cancel_and_wait
from ductile.model.snapshot import Snapshot
from ductile.store.contract import Store

log = structlog.get_logger(__name__)

BUSY_INTERVAL_SECONDS = 1.0
"""Seconds between two checks while the store is written, and while its files are lost."""

IDLE_INTERVAL_SECONDS = 5.0
"""Seconds between two checks while nothing is written."""

DAMAGE_INTERVAL_SECONDS = 10.0
"""Seconds between two checks of a damaged database, each of which reads the whole database."""

NOTICE_KEY = "state files"


class StoreGuard:
    """Checks the files after writes and every few seconds; commits check them, too."""

    def __init__(self, store: Store, renew_lock: Callable[[], bool], notices: MutableMapping[str, str]) -> None:
        self._store = store
        self._renew_lock = renew_lock
        self._notices = notices
        self._wake = asyncio.Event()
        self._reason: str | None = None
        self._lock_failure: str | None = None
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to watch."""
        loop = asyncio.get_running_loop()
        self._store.on_batch(lambda _operations, _seconds: self._wake.set())
        self._store.on_damage(partial(loop.call_soon_threadsafe, self._wake.set))
        self.task = asyncio.create_task(self._run(), name="store guard")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Ignore a reload: the checks do not depend on the configuration."""

    async def stop(self) -> None:
        """Stop watching."""
        self._store.on_damage(lambda: None)
        await cancel_and_wait(self.task)

    async def check(self) -> None:
        """Check once, and report a change."""
        await self._store.check_files()
        await self._check_lock()
        fault = self._store.fault()
        reason = None if fault is None else fault.message
        if reason == self._reason:
            return
        self._reason = reason
        if fault is None:
            self._notices.pop(NOTICE_KEY, None)
            log.warning("the state is whole again, and new work is taken")
        else:
            self._notices[NOTICE_KEY] = fault.message
            log.error("the state is not safe, and no new work is taken", reason=reason, code=fault.code)

    async def _check_lock(self) -> None:
        try:
            renewed = await asyncio.to_thread(self._renew_lock)
        except OSError as error:
            if str(error) != self._lock_failure:
                self._lock_failure = str(error)
                log.error("the lock file of the state cannot be made anew", reason=self._lock_failure)
            return
        self._lock_failure = None
        if renewed:
            log.warning("the lock file of the state was deleted or replaced, and was made anew; leave it where it is")

    async def _run(self) -> None:
        while True:
            await self.check()
            fault = self._store.fault()
            if fault is not None:
                lost = self._store.lost
                await asyncio.sleep(BUSY_INTERVAL_SECONDS if lost else DAMAGE_INTERVAL_SECONDS)
                continue
            self._wake.clear()  # set by what this check itself has written
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), IDLE_INTERVAL_SECONDS)
                await asyncio.sleep(BUSY_INTERVAL_SECONDS)
