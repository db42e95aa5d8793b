"""Writes the full-text index of ended attempts in batches, behind the settlements."""

from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from msgspec import Struct

from ductile.store.retention import within_batch_bytes
from ductile.store.sqlite.search import segments
from ductile.store.sqlite.search.segments import INDEXED_KEY, IndexBounds
from ductile.store.sqlite.transaction import SqliteTransaction

T = TypeVar("T")

BATCH_ATTEMPTS = 64
"""Attempts that one transaction indexes at most."""

MERGE_PAGES = 32
"""Pages of full text that are merged behind each batch: more than it writes, times the levels they rise through."""


LARGE_ATTEMPT_BYTES = 64_000
"""Bytes of an attempt that is a batch by itself: to make words of them takes long, and is done beside the writer."""

HUGE_ATTEMPT_BYTES = 1_000_000
"""Bytes of an attempt that is not taken out word by word: its segment is closed before, however little is in it."""


class Indexed(Struct, frozen=True):
    """The last indexed attempt, and whether more attempts are to be indexed."""

    through: int
    more: bool


class Words(Struct, frozen=True, kw_only=True):
    """The searched texts of an attempt."""

    id: int
    """Its row."""
    job_id: str
    attempt: int
    error: str | None
    stderr: str | None
    result: str | None
    facets: str


def index_attempts(tx: SqliteTransaction, ahead: Words | None = None) -> Indexed:
    """Indexes the next attempts; `ahead` are the words of the first one, where they were read before."""
    after = indexed_through(tx)
    rows = tx.rows("unindexed", after=after, limit=BATCH_ATTEMPTS)
    batch = _next_batch(rows)
    if not batch:
        return Indexed(after, more=False)
    prepared = ahead is not None and (ahead.id, ahead.job_id, ahead.attempt) == (rows[0][0], *rows[0][2:])
    if prepared:
        batch = batch[:1]
    segments.begin_segment_when_full(tx, sum(row[1] for row in rows[: len(batch)]))
    if ahead is not None and prepared:
        texts = {"error": ahead.error, "stderr": ahead.stderr, "result": ahead.result, "facets": ahead.facets}
        tx.execute("index_words", id=ahead.id, **texts)
    else:
        tx.execute("index_attempts", after=after, through=batch[-1])
    tx.execute("merge_text", pages=MERGE_PAGES)
    tx.execute("set_meta", key=INDEXED_KEY, value=str(batch[-1]))
    return Indexed(batch[-1], more=len(rows) == BATCH_ATTEMPTS or len(batch) < len(rows))


def trim_attempts(tx: SqliteTransaction, before: int, limit: int, at: IndexBounds) -> tuple[int, IndexBounds]:
    """Deletes the oldest attempts that ended before a time, at most `limit`, with their full text.

    Returns how many, and the bounds of the index then; call `align_segments` behind it. A closed segment keeps the text
    of deleted attempts until the whole segment goes: a search does not find it any more.
    """
    sizes: dict[int, int] = dict(tx.rows("old_attempts", before=before, limit=limit))
    rows = within_batch_bytes(sizes.items())
    if not rows:
        return 0, at
    written = [row for row in rows if at.opened < row <= at.through]
    if any(sizes[row] > HUGE_ATTEMPT_BYTES for row in written):
        at, written = segments.begin_segment(tx, at), []
    if written:
        tx.execute("trim_index", ids=orjson.dumps(written).decode())
        tx.execute("merge_text", pages=MERGE_PAGES)
    return tx.execute("trim_attempts", ids=orjson.dumps(rows).decode()), at


def _next_batch(rows: Sequence[tuple[Any, ...]]) -> list[int]:
    """The attempts of the next batch; a large attempt is only ever the first."""
    batch = within_batch_bytes((row[0], row[1]) for row in rows)
    sizes = [row[1] for row in rows[: len(batch)]]
    return batch[: next((n for n, size in enumerate(sizes) if n and size > LARGE_ATTEMPT_BYTES), len(batch))]


def indexed_through(tx: SqliteTransaction) -> int:
    """The `seq` of the last indexed attempt; 0 for none."""
    return segments.read_bounds(tx).through
