"""What the gateway itself does, written into the journal: start and stop, reloads, plugins that go and come back."""

import asyncio

import structlog

from ductile import __version__
from ductile.config.reload import FinishedReload, LiveConfig
from ductile.model.journal import Kind
from ductile.model.order import Note
from ductile.model.snapshot import Snapshot
from ductile.store.errors import StoreUnavailable
from ductile.store.meta import journal_all
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)

QUARANTINED = "quarantined"


class Chronicle:
    """Writes as things happen. What the store cannot take now is logged instead: nothing waits for the journal."""

    task: asyncio.Task[None] | None = None
    """None: it works when it is told of something."""

    def __init__(self, store: Store, live: LiveConfig) -> None:
        self._store = store
        self._live = live

    async def start(self) -> None:
        """Write that the gateway serves, and what cannot run; then write of each reload."""
        snapshot = self._live.snapshot
        self._live.on_finish(self.told)
        started = Note(kind=Kind.GATEWAY_STARTED, data={"version": __version__, "generation": snapshot.generation})
        await self._write(started, *quarantines(None, snapshot))

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: it is written once it is over."""

    async def stop(self) -> None:
        """Write that the gateway stops."""
        await self._write(Note(kind=Kind.GATEWAY_STOPPING))

    async def told(self, reload: FinishedReload) -> None:
        """Write of a reload, and of the plugins that it took away or brought back."""
        await self._write(reloaded(reload), *quarantines(reload.old, reload.new))

    async def _write(self, *notes: Note) -> None:
        try:
            await self._store.write(journal_all, notes)
        except StoreUnavailable as unavailable:
            kinds = [note.kind.value for note in notes]
            log.error("not journalled", kinds=kinds, reason=unavailable.message)


def reloaded(reload: FinishedReload) -> Note:
    """What the journal keeps of a reload. Of its errors it keeps how many: they may quote what they found."""
    if reload.refusal is not None:
        errors = len(reload.refusal.details.get("errors", ()))
        told = {"cause": reload.cause, "message": reload.refusal.message, "errors": errors}
        return Note(kind=Kind.CONFIG_REFUSED, data=told)
    told = {
        "cause": reload.cause,
        "generation": reload.new.generation,
        "changed": reload.changed,
        "changes": [*reload.changes],
    }
    return Note(kind=Kind.CONFIG_RELOADED, data=told)


def quarantines(old: Snapshot | None, new: Snapshot) -> list[Note]:
    """The plugins that are quarantined now and were not before, and those that were and can run again."""
    before = _quarantined(old) if old else {}
    now = _quarantined(new)
    gone = [
        Note(kind=Kind.PLUGIN_QUARANTINED, data={"plugin": name, "reason": new.redactor.text(reason)})
        for name, reason in now.items()
        if name not in before
    ]
    back = [
        Note(kind=Kind.PLUGIN_RETURNED, data={"plugin": name})
        for name in before
        if name not in now and name in new.plugins
    ]
    return gone + back


def _quarantined(snapshot: Snapshot) -> dict[str, str]:
    return {name: one.reason for name, one in snapshot.unusable.items() if one.kind == QUARANTINED}
