"""Retention: what is older than asked goes, a bounded batch at a time."""

from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.store.fulltext import trim_attempts
from ductile.store.rows import Row
from ductile.store.tx import Tx


def trim(tx: Tx, *, jobs_before: Millis, attempts_before: Millis, limit: int) -> int:
    """Deletes at most `limit` rows of each kind; returns how many went: 0 when there is nothing left to do.

    Jobs go by the time their root ended: a run's steps before it, and never any of an open run. Attempts, which stand
    alone, and the journal have a time of their own. An event stays while any job that it started does.
    """
    deleted = _trim_jobs(tx, jobs_before, limit)
    deleted += trim_attempts(tx, attempts_before, limit)
    deleted += tx.run("trim_journal", before=attempts_before, limit=limit).rowcount
    deleted += tx.run("trim_idempotency", now=tx.now, limit=limit).rowcount
    tx.run("trim_counts")
    return deleted


def _trim_jobs(tx: Tx, before: Millis, limit: int) -> int:
    left = limit
    for (root_id,) in tx.all("old_roots", before=before, limit=limit):
        steps = tx.all("trim_steps", root_id=root_id, limit=left)
        left -= len(steps)
        roots = tx.all("trim_root", id=root_id) if left else []
        left -= len(roots)
        for row in (*steps, *roots):
            _trim_behind(tx, row)
        if roots:
            tx.run("trim_skips", root_id=root_id)
            tx.run("trim_contexts", root_id=root_id)
        if not left:
            break
    return limit - left


def _trim_behind(tx: Tx, row: Row) -> None:
    """Counts a deleted job out, and deletes the events that nobody needs any more."""
    job_id, plugin, command, state, event_id = row
    tx.count(plugin, command, State(state), -1)
    tx.run("trim_emitted", job_id=job_id)
    tx.run("trim_given", id=event_id)
