"""Watches the free space of the state: new work is refused before running attempts could not be settled."""

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping

import structlog

from ductile.background_service import cancel_and_wait
from ductile.errors import Unavailable
from ductile.model.journal import EntryKind
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Note
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

CHECK_INTERVAL_SECONDS = 1.0
"""Seconds between two checks while the store is written."""

FULL_CHECK_INTERVAL_SECONDS = 5.0
"""Seconds between two checks while the disk is full: other programs may free space."""

NOTICE_KEY = "storage"


class DiskGuard:
    """Checks after writes, and while the disk is full; retention and reads go on in any case."""

    def __init__(
        self, store: Store, current_snapshot: Callable[[], Snapshot], notices: MutableMapping[str, str]
    ) -> None:
        self._store = store
        self._current_snapshot = current_snapshot
        self._notices = notices
        self._changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Check once, before any work is accepted, and start to watch."""
        await self.check()
        self._store.on_batch(lambda _operations, _seconds: self._changed.set())
        self.task = asyncio.create_task(self._run(), name="space")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: the limit may have changed."""
        self._changed.set()

    async def stop(self) -> None:
        """Stop watching."""
        await cancel_and_wait(self.task)

    async def check(self) -> None:
        """Measure the free space, and accept or refuse new work."""
        try:
            space = await self._store.disk_space()
            if await self._store.keep_reserve(space):
                space = await self._store.disk_space()
        except (Unavailable, OSError) as error:
            log.error("the room of the state cannot be measured", reason=str(error))
            return
        before = self._store.capacity_error
        shortage = space.shortage(self._current_snapshot().state_max_size, before=before is not None)
        self._store.capacity_error = shortage
        if shortage is None:
            self._notices.pop(NOTICE_KEY, None)
        else:
            self._notices[NOTICE_KEY] = f"no new work is taken: {shortage}"
        if (shortage is None) != (before is None):
            await self._report(shortage, space.used, space.free)

    async def _report(self, shortage: str | None, used: int, free: int) -> None:
        kind = EntryKind.STORAGE_FREED if shortage is None else EntryKind.STORAGE_FULL
        log.warning(kind.value, reason=shortage, used=used, free=free)
        try:
            await self._store.add_notes((Note(kind=kind, data={"used": used, "free": free}),))
        except StoreUnavailable as unavailable:
            log.error("not journalled", kinds=[kind.value], reason=unavailable.message)

    async def _run(self) -> None:
        while True:
            if self._store.capacity_error is None:
                await self._changed.wait()
                await asyncio.sleep(CHECK_INTERVAL_SECONDS)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), FULL_CHECK_INTERVAL_SECONDS)
                await asyncio.sleep(CHECK_INTERVAL_SECONDS)
            self._changed.clear()
            await self.check()
