"""Watches over the room of the state: where it runs out, new work is refused before what runs cannot end."""

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping

import structlog

from ductile.errors import Unavailable
from ductile.model.journal import Kind
from ductile.model.order import Note
from ductile.model.snapshot import Snapshot
from ductile.store.errors import StoreUnavailable
from ductile.store.meta import journal_all
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two looks, while something is written."""

AGAIN = 5.0
"""Seconds between two looks while there is no room: others may make some."""

NOTICE = "storage"


class Space:
    """Looks after something was written, and while there is no room; retention and reading go on in any case."""

    def __init__(self, store: Store, current: Callable[[], Snapshot], notices: MutableMapping[str, str]) -> None:
        self._store = store
        self._current = current
        self._notices = notices
        self._changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        """The watching itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Look once, so that nothing is taken first, and begin to watch."""
        await self.look()
        self._store.on_batch(lambda _operations, _seconds: self._changed.set())
        self.task = asyncio.create_task(self._run(), name="space")

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: the limit may be another."""
        self._changed.set()

    async def stop(self) -> None:
        """Watch no more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    async def look(self) -> None:
        """Measure, and let new work in or keep it out."""
        try:
            room = await self._store.disk_space()
            if await self._store.keep_reserve(room):
                room = await self._store.disk_space()
        except (Unavailable, OSError) as error:
            log.error("the room of the state cannot be measured", reason=str(error))
            return
        before = self._store.capacity_error
        shortage = room.shortage(self._current().state_max_size, before=before is not None)
        self._store.capacity_error = shortage
        if shortage is None:
            self._notices.pop(NOTICE, None)
        else:
            self._notices[NOTICE] = f"no new work is taken: {shortage}"
        if (shortage is None) != (before is None):
            await self._tell(shortage, room.used, room.free)

    async def _tell(self, shortage: str | None, used: int, free: int) -> None:
        kind = Kind.STORAGE_FREED if shortage is None else Kind.STORAGE_FULL
        log.warning(kind.value, reason=shortage, used=used, free=free)
        try:
            await self._store.write(journal_all, (Note(kind=kind, data={"used": used, "free": free}),))
        except StoreUnavailable as unavailable:
            log.error("not journalled", kinds=[kind.value], reason=unavailable.message)

    async def _run(self) -> None:
        while True:
            if self._store.capacity_error is None:
                await self._changed.wait()
                await asyncio.sleep(EVERY)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), AGAIN)
                await asyncio.sleep(EVERY)
            self._changed.clear()
            await self.look()
