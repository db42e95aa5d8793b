"""`init` jobs: one for each state of a plugin, which is remembered in the transaction that makes its job."""

from collections.abc import Sequence

import orjson

from ductile.model.health import INIT_COMMAND
from ductile.model.job import AcceptedJob, State
from ductile.model.writes import PluginInit
from ductile.store.cancel import cancel
from ductile.store.plugin_health import clear_failed_check, init_key, last_init
from ductile.store.start import insert_start
from ductile.store.transaction import Tx

_WAITING = frozenset({State.QUEUED, State.HELD})


def begin_inits(tx: Tx, inits: Sequence[PluginInit]) -> list[AcceptedJob]:
    """Starts the `init` of each plugin whose hash is not the remembered one; returns what was started.

    One that still waits for an earlier state is cancelled.
    """
    return [accepted for init in inits if (accepted := _begin(tx, init)) is not None]


def _begin(tx: Tx, init: PluginInit) -> AcceptedJob | None:
    known = last_init(tx, init.plugin)
    if known["hash"] == init.hash:
        return None
    accepted = insert_start(tx, init.start)
    remembered = orjson.dumps({"hash": init.hash, "job_id": accepted.job_id}).decode()
    tx.execute("set_meta", key=init_key(init.plugin), value=remembered)
    clear_failed_check(tx, init.plugin, INIT_COMMAND, accepted.job_id)
    earlier = known["job_id"]
    state = tx.row("job_state", id=earlier) if earlier else None
    if earlier and state and state[0] in _WAITING:
        cancel(tx, earlier)
    return accepted
