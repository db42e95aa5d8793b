"""Deletes old attempts with their full text, and gives the space of deleted rows back to the file system."""

from collections.abc import Callable, Mapping

from ductile.model.clock import Millis
from ductile.store.contract import Enough, TrimKind
from ductile.store.retention import SLICE_ROWS, TRIMS, trim_in_slices
from ductile.store.sqlite.search.indexer import trim_attempts as trim_attempt_rows
from ductile.store.sqlite.search.segments import align_segments, begin_segment_when_full, free_segment_pages
from ductile.store.sqlite.transaction import SqliteTransaction

SPARE_PART = 8
"""One part in so many of the file may stay free: what comes next is written there."""

MIN_FREE_PAGES = 256
"""Free pages that are not worth a vacuum."""


def trim_attempts(tx: SqliteTransaction, before: Millis, enough: Enough) -> int:
    """Deletes attempts, which outlive their jobs, with their full text."""
    at = begin_segment_when_full(tx)

    def trim() -> int:
        nonlocal at
        gone, at = trim_attempt_rows(tx, before, SLICE_ROWS, at)
        return gone

    deleted = trim_in_slices(trim, enough)
    if deleted:
        align_segments(tx)
    return deleted


def free_search_pages(tx: SqliteTransaction, enough: Enough) -> bool:
    """Frees the full text of attempts that have gone; whether more is to be freed."""
    while free_segment_pages(tx):
        if enough():
            return True
    return False


def shrink_file(tx: SqliteTransaction, enough: Enough) -> bool:
    """Gives free pages back to the file system, where there are more than is kept in spare; whether more should go.

    A database that was made before this could be done keeps its pages and writes on them again.
    """
    while True:
        ((mode, pages, free),) = tx.rows("pages")
        if mode != _INCREMENTAL_MODE or free <= max(MIN_FREE_PAGES, pages // SPARE_PART):
            return False
        tx.rows("shrink_file")
        if enough():
            return True


_INCREMENTAL_MODE = 2
"""How a database says that it can shrink."""


def free_space(tx: SqliteTransaction, enough: Enough) -> bool:
    """Gives space of deleted rows back to the file system; returns whether more can be given back."""
    return free_search_pages(tx, enough) or shrink_file(tx, enough)


SQLITE_TRIMS: Mapping[TrimKind, Callable[[SqliteTransaction, Millis, Enough], int]] = {
    **TRIMS,
    TrimKind.ATTEMPTS: trim_attempts,
}
