"""Segments of the full-text index: an open one, which is written, and closed ones, which are only searched.

SQLite merges all entries of one word in one step, and the writer waits for that step. In one table the step would grow
with the history; a segment bounds it. Attempts are not deleted from a closed segment word by word: a search joins the
attempts, so a deleted attempt is not found. When all attempts of a closed segment are deleted, the segment is retired
and its pages are freed, a few at a time.

SQLite reuses the `seq` of deleted attempts when no attempt has a higher one. A segment whose last attempt is behind
the newest attempt is therefore retired too, and its remaining attempts are indexed again.
"""

from msgspec import Struct
from msgspec.structs import replace

from ductile.store.sqlite.transaction import SqliteTransaction

INDEXED_KEY = "logs_indexed"
"""The key in `meta`: the `seq` of the last attempt whose full text was written."""

OPENED_KEY = "text_opened"
"""The key in `meta`: the `seq` of the last attempt before the open segment."""

SIZE_KEY = "text_size"
"""The key in `meta`: how many bytes were read to write the open segment."""

SEGMENT_ATTEMPTS = 65_536
"""Attempts that a segment takes, and a batch more."""

SEGMENT_BYTES = 64_000_000
"""Bytes that are read for a segment, and a batch more."""

FREED_PAGES = 32
"""Pages of a segment that are freed at once."""


class IndexBounds(Struct, frozen=True):
    """The bounds of the index and of the attempts, by `seq`; 0 where there are none."""

    opened: int
    """The open segment holds the full text of the attempts behind this one."""
    through: int
    """Those up to this one have their full text."""
    size: int
    """Bytes that were read to write the open segment."""
    oldest: int
    newest: int
    first_last: int
    """The last attempt of the oldest full segment."""
    last_last: int
    """The last attempt of the newest full segment."""


def read_bounds(tx: SqliteTransaction) -> IndexBounds:
    """Reads the bounds of the index and of the attempts."""
    (row,) = tx.rows("text_bounds", opened=OPENED_KEY, through=INDEXED_KEY, size=SIZE_KEY)
    return IndexBounds(*row)


def begin_segment_when_full(tx: SqliteTransaction, size: int = 0) -> IndexBounds:
    """Begins a new segment where the open one is full, and adds the bytes of the next batch to its size."""
    at = read_bounds(tx)
    if at.through - at.opened >= SEGMENT_ATTEMPTS or at.size >= SEGMENT_BYTES:
        at = begin_segment(tx, at)
    if size:
        _set_number(tx, SIZE_KEY, at.size + size)
    return at


def begin_segment(tx: SqliteTransaction, at: IndexBounds) -> IndexBounds:
    """Begins a new segment; returns where the full text stands then."""
    ((segment,),) = tx.rows("add_segment", last=at.through)
    tx.execute_on_segment("close_segment", segment)
    tx.execute("create_segment")
    tx.execute("disable_automerge")
    tx.execute("raise_crisis_merge")
    _set_number(tx, OPENED_KEY, at.through)
    _set_number(tx, SIZE_KEY, 0)
    return replace(at, opened=at.through, size=0)


def align_segments(tx: SqliteTransaction) -> None:
    """Retires segments, and moves the bounds of the index, after attempts were deleted."""
    at = read_bounds(tx)
    through = min(at.through, at.newest)
    if at.last_last and (at.last_last > at.newest or at.first_last < at.oldest):
        through = min(through, _retire(tx, at))
    if through < at.through:
        _set_number(tx, INDEXED_KEY, through)
    if through < at.opened:
        _set_number(tx, OPENED_KEY, through)
        _set_number(tx, SIZE_KEY, 0)


def _retire(tx: SqliteTransaction, at: IndexBounds) -> int:
    """Retires the segments whose attempts are gone; returns the last attempt that the index covers then."""
    segments: list[tuple[int, int]] = tx.rows("segments")
    for segment, last in segments:
        if last > at.newest or last < at.oldest:
            tx.execute("retire_segment", segment=segment)
    if at.last_last <= at.newest:
        return at.through
    return max((last for _, last in segments if last <= at.newest), default=0)


def free_segment_pages(tx: SqliteTransaction) -> int:
    """Frees some pages of a retired segment; returns how many, 0 where no segment is retired."""
    row = tx.row("retired_segment")
    if row is None:
        return 0
    (segment,) = row
    freed = tx.execute_on_segment("free_segment_pages", segment, limit=FREED_PAGES)
    freed = freed or tx.execute_on_segment("free_segment_terms", segment, limit=FREED_PAGES * 64)
    if not freed:
        tx.execute_on_segment("drop_segment_tables", segment)
        tx.execute("drop_segment", segment=segment)
    return max(freed, 1)


def _set_number(tx: SqliteTransaction, key: str, value: int) -> None:
    tx.execute("set_meta", key=key, value=str(value))
