"""The state that plugin instances keep between their attempts."""

from typing import Any

import orjson

from ductile.model.writes import MAX_STATE_BYTES, StateUpdate
from ductile.store.errors import StateTooLarge
from ductile.store.transaction import Tx


def update_plugin_state(tx: Tx, update: StateUpdate, job_id: str) -> None:
    """Merges the update into the state, or (a fact) appends it to the history and lets it be the state.

    Raises `StateTooLarge`.
    """
    fact = update.fact_type is not None
    values = update.values if fact else _plugin_state(tx, update.plugin) | dict(update.values)
    encoded = orjson.dumps(values)
    if len(encoded) > MAX_STATE_BYTES:
        raise StateTooLarge(plugin=update.plugin, size=len(encoded), limit=MAX_STATE_BYTES)
    if fact:
        tx.execute(
            "add_fact", plugin=update.plugin, fact_type=update.fact_type, job_id=job_id, value=encoded, now=tx.now
        )
    tx.execute("set_plugin_state", plugin=update.plugin, value=encoded, now=tx.now)


def _plugin_state(tx: Tx, plugin: str) -> dict[str, Any]:
    row = tx.row("get_plugin_state", plugin=plugin)
    return {} if row is None else dict(orjson.loads(row[0]))
