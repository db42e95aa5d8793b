"""Single values of the gateway, and notes in its journal."""

from collections.abc import Mapping, Sequence
from typing import Any

from ductile.model.journal import EntryKind
from ductile.model.writes import Note
from ductile.store.transaction import Tx

PAUSED_KEY = "paused"
"""The single value that keeps a pause over restarts."""


def set_meta(tx: Tx, key: str, value: str) -> None:
    """Sets a single value."""
    tx.execute("set_meta", key=key, value=value)


def journal(tx: Tx, kind: EntryKind, job_id: str | None = None, data: Mapping[str, Any] | None = None) -> None:
    """Writes a row of the journal: what happened, by ids, never payloads."""
    tx.journal(kind, job_id, data)


def add_notes(tx: Tx, notes: Sequence[Note]) -> None:
    """Writes rows of the journal, all of them or none."""
    for note in notes:
        tx.journal(note.kind, note.job_id, note.data)


def set_paused(tx: Tx, *, paused: bool) -> None:
    """Keeps whether the gateway is paused. A change is journalled."""
    value, before = "1" if paused else "0", tx.row("get_meta", key=PAUSED_KEY)
    if value == ("0" if before is None else before[0]):
        return
    set_meta(tx, PAUSED_KEY, value)
    tx.journal(EntryKind.GATEWAY_PAUSED if paused else EntryKind.GATEWAY_RESUMED)
