"""Journals the gateway's own life: start and stop, reloads, quarantined and returned plugins."""

import asyncio

import structlog

from ductile import __version__
from ductile.config.reload import FinishedReload, LiveConfig
from ductile.model.journal import EntryKind
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Note
from ductile.store.contract import Store
from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

QUARANTINED_KIND = "quarantined"


class LifecycleJournal:
    """Writes notes as they come. A note that the store cannot take now is logged instead: nothing waits for it."""

    task: asyncio.Task[None] | None = None
    """None: notes are written by callbacks."""

    def __init__(self, store: Store, live: LiveConfig) -> None:
        self._store = store
        self._live = live

    async def start(self) -> None:
        """Journal the start and the quarantined plugins; from now on journal each reload."""
        snapshot = self._live.snapshot
        self._live.on_finish(self.journal_reload)
        started = Note(kind=EntryKind.GATEWAY_STARTED, data={"version": __version__, "generation": snapshot.generation})
        await self._write(started, *quarantine_notes(None, snapshot))

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Ignore a swap: `journal_reload` is called once the reload has ended."""

    async def stop(self) -> None:
        """Journal the stop."""
        await self._write(Note(kind=EntryKind.GATEWAY_STOPPING))

    async def journal_reload(self, reload: FinishedReload) -> None:
        """Journal a reload, and the plugins that it quarantined or brought back."""
        await self._write(reload_note(reload), *quarantine_notes(reload.old, reload.new))

    async def _write(self, *notes: Note) -> None:
        try:
            await self._store.add_notes(notes)
        except StoreUnavailable as unavailable:
            kinds = [note.kind.value for note in notes]
            log.error("not journalled", kinds=kinds, reason=unavailable.message)


def reload_note(reload: FinishedReload) -> Note:
    """The note of a reload. Only the number of its errors is journalled: errors may quote secrets."""
    if reload.refusal is not None:
        errors = len(reload.refusal.details.get("errors", ()))
        data = {"cause": reload.cause, "message": reload.refusal.message, "errors": errors}
        return Note(kind=EntryKind.CONFIG_REFUSED, data=data)
    data = {
        "cause": reload.cause,
        "generation": reload.new.generation,
        "changed": reload.changed,
        "changes": [*reload.changes],
    }
    return Note(kind=EntryKind.CONFIG_RELOADED, data=data)


def quarantine_notes(old: Snapshot | None, new: Snapshot) -> list[Note]:
    """Notes of the plugins that are newly quarantined, and of those that can run again."""
    before = _quarantine_reasons(old) if old else {}
    now = _quarantine_reasons(new)
    quarantined = [
        Note(kind=EntryKind.PLUGIN_QUARANTINED, data={"plugin": name, "reason": new.redactor.text(reason)})
        for name, reason in now.items()
        if name not in before
    ]
    returned = [
        Note(kind=EntryKind.PLUGIN_RETURNED, data={"plugin": name})
        for name in before
        if name not in now and name in new.plugins
    ]
    return quarantined + returned


def _quarantine_reasons(snapshot: Snapshot) -> dict[str, str]:
    return {name: one.reason for name, one in snapshot.unusable.items() if one.kind == QUARANTINED_KIND}
