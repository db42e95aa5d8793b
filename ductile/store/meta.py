"""Single values of the gateway, and its journal."""

from collections.abc import Mapping
from typing import Any

from ductile.model.journal import Kind
from ductile.store.tx import Tx


def set_meta(tx: Tx, key: str, value: str) -> None:
    """Sets a single value."""
    tx.run("set_meta", key=key, value=value)


def journal(tx: Tx, kind: Kind, job_id: str | None = None, data: Mapping[str, Any] | None = None) -> None:
    """Writes a row of the journal: what happened, by ids, never payloads."""
    tx.journal(kind, job_id, data)
