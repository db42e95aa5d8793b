"""Retention: what is older than asked goes, a bounded batch at a time.

Each kind of row has a trim of its own, so that none waits for another. A trim goes in small slices and stops when it
is told that this is enough: rows differ too much in what they cost for a number of them to be a bound.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import orjson

from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.store.contract import Enough, TrimKind
from ductile.store.transaction import Row, Tx

_T = TypeVar("_T")

Trim = Callable[[Tx, Millis, Enough], int]
"""Deletes what ended before a time; returns how many rows went, 0 where nothing is left to do."""

SLICE_ROWS = 32
"""Rows that go without a question; a slice takes a millisecond or two."""

BATCH_ROWS = 8192
"""Rows that one transaction deletes at most."""

BATCH_BYTES = 250_000
"""Bytes that one transaction reads to delete or to index rows; one row may be more."""


def trim_jobs(tx: Tx, before: Millis, enough: Enough) -> int:
    """Deletes jobs by the time their root ended: a run's steps before it, and never any of an open run.

    An event stays while any job that it started does.
    """
    deleted = 0
    while deleted < BATCH_ROWS and (roots := _old_roots(tx, before)):
        deleted += _trim_alone(tx, [root_id for root_id, is_run in roots if not is_run])
        for root_id in [root_id for root_id, is_run in roots if is_run]:
            gone, whole = _trim_run(tx, root_id, enough)
            deleted += gone
            if not whole:
                return deleted
        if enough():
            break
    return deleted


def _old_roots(tx: Tx, before: Millis) -> list[tuple[str, bool]]:
    """The oldest that are a slice together, and whether each is a run. What they were given is read to be deleted."""
    rows = tx.rows("old_roots", before=before, limit=SLICE_ROWS)
    return within_batch_bytes(((root_id, bool(is_run)), size) for root_id, is_run, size in rows)


def _trim_alone(tx: Tx, job_ids: Sequence[str]) -> int:
    """Deletes jobs that are no runs; how many."""
    rows = tx.rows("trim_alone", ids=_json(job_ids)) if job_ids else []
    _trim_behind(tx, rows)
    return len(rows)


def _trim_run(tx: Tx, root_id: str, enough: Enough) -> tuple[int, bool]:
    """Deletes a run, its root last; how many rows went, and whether that was all."""
    deleted = 0
    while steps := tx.rows("trim_steps", root_id=root_id, limit=SLICE_ROWS):
        _trim_behind(tx, steps)
        deleted += len(steps)
        if enough():
            return deleted, False
    while gone := tx.execute("trim_skips", root_id=root_id, limit=SLICE_ROWS):
        deleted += gone
        if enough():
            return deleted, False
    while gone := tx.execute("trim_contexts", root_id=root_id, limit=SLICE_ROWS):
        deleted += gone
        if enough():
            return deleted, False
    root = tx.rows("trim_root", id=root_id)
    _trim_behind(tx, root)
    return deleted + len(root), True


def _trim_behind(tx: Tx, rows: Sequence[Row]) -> None:
    """Counts deleted jobs out, and deletes the events that nobody needs any more."""
    if not rows:
        return
    for _, plugin, command, state, _ in rows:
        tx.count_jobs(plugin, command, State(state), -1)
    tx.execute("trim_emitted", ids=_json([row[0] for row in rows]))
    if len(rows) > 1:
        tx.execute("trim_inputs", ids=_json([row[-1] for row in rows]))
    else:
        tx.execute("trim_input", id=rows[0][-1])


def _json(ids: Sequence[str]) -> str:
    return orjson.dumps(ids).decode()


def trim_journal(tx: Tx, before: Millis, enough: Enough) -> int:
    """Deletes rows of the journal, but never the newest."""
    return trim_in_slices(lambda: tx.execute("trim_journal", before=before, limit=SLICE_ROWS), enough)


def trim_keys(tx: Tx, _before: Millis, enough: Enough) -> int:
    """Deletes idempotency keys that have expired."""
    return trim_in_slices(lambda: tx.execute("trim_idempotency", now=tx.now, limit=SLICE_ROWS), enough)


def trim_counts(tx: Tx) -> None:
    """Forgets counts that have come to nothing."""
    tx.execute("trim_counts")


def trim_in_slices(trim: Callable[[], int], enough: Enough) -> int:
    """Runs a trim of one slice until nothing is left or it is enough; returns how many rows went."""
    deleted = 0
    while deleted < BATCH_ROWS:
        gone = trim()
        deleted += gone
        if not gone or enough():
            break
    return deleted


def within_batch_bytes(rows: Iterable[tuple[_T, int]]) -> list[_T]:
    """The first rows whose bytes fit into a batch: one at least."""
    batch: list[_T] = []
    total = 0
    for row, size in rows:
        total += size
        if batch and total > BATCH_BYTES:
            break
        batch.append(row)
    return batch


TRIMS: Mapping[TrimKind, Trim] = {
    TrimKind.JOBS: trim_jobs,
    TrimKind.JOURNAL: trim_journal,
    TrimKind.KEYS: trim_keys,
}
"""The trims that every store has; attempts go with their full text, which each store keeps in its own way."""
