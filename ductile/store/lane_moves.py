"""Moves jobs that do not run: promotes what is due, holds a lane, and releases held jobs."""

from collections.abc import Mapping

from ductile.model.claims import MAX_MOVED_JOBS, PLUGIN_UNAVAILABLE
from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue
from ductile.store.transaction import Tx


def promote(tx: Tx, limit: int = MAX_MOVED_JOBS) -> Millis | None:
    """Makes jobs claimable whose time has come; returns when the next one is due (now, if more stand), or None."""
    for (lane,) in tx.rows("promote", now=tx.now, limit=limit):
        tx.notify_ready(lane)
    following = tx.row("next_due")
    return None if following is None else max(following[0], tx.now)


def hold_lane(tx: Tx, lane: str, reason: str, limit: int = MAX_MOVED_JOBS) -> int:
    """Holds claimable jobs of a lane; returns how many. Those not yet due follow once they are."""
    rows = tx.rows("hold_lane", lane=lane, reason=reason, limit=limit)
    for plugin, command in rows:
        tx.count_transition(plugin, command, State.QUEUED, State.HELD)
    if rows:
        tx.journal(EntryKind.LANE_HELD, data={"lane": lane, "reason": reason, "jobs": len(rows)})
    return len(rows)


def release(tx: Tx, usable: Mapping[str, frozenset[str]], limit: int = MAX_MOVED_JOBS) -> int:
    """Queues jobs again that were held for want of a plugin or command that is there now; returns how many."""
    if tx.row("any_held") is None:
        return 0
    left = limit
    for lane, commands in usable.items():
        for command in commands if left else ():
            left -= _release(tx, lane, command, left)
    return limit - left


def _release(tx: Tx, lane: str, command: str, limit: int) -> int:
    rows = tx.rows("release", lane=lane, command=command, reason=PLUGIN_UNAVAILABLE, now=tx.now, limit=limit)
    if rows:
        tx.journal(EntryKind.LANE_RELEASED, data={"lane": lane, "command": command, "jobs": len(rows)})
    for due, run_at in rows:
        tx.count_transition(lane, command, State.HELD, State.QUEUED)
        if due:
            tx.notify_ready(lane)
        else:
            tx.notify(JobDue(run_at))
    return len(rows)
