"""The full text of ended attempts: written behind them in batches, so that settling need not."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import orjson
from msgspec import Struct

from ductile.store import volumes
from ductile.store.tx import Tx
from ductile.store.volumes import INDEXED, Reach

T = TypeVar("T")

BATCH = 64
"""Attempts that one transaction indexes at most."""

BATCH_BYTES = 250_000
"""Bytes that one transaction reads of attempts to index them or to take them out; one attempt may be more."""

MERGED = 32
"""Pages of full text that are merged behind each batch: more than it writes, times the levels they rise through."""


LARGE = 64_000
"""Bytes of an attempt that is a batch by itself: to make words of them takes long, and is done beside the writer."""

TOO_LARGE = 1_000_000
"""Bytes of an attempt that is not taken out word by word: its volume is closed before, however little is in it."""


class Indexed(Struct, frozen=True):
    """How far the full text reaches, and whether it may go on from there."""

    through: int
    more: bool


class Words(Struct, frozen=True, kw_only=True):
    """What of an attempt is searched."""

    id: int
    """Its row."""
    job_id: str
    attempt: int
    error: str | None
    stderr: str | None
    result: str | None
    facets: str


def index_attempts(tx: Tx, ahead: Words | None = None) -> Indexed:
    """Writes the full text of the next attempts that have none; `ahead`: the words of the first, if they are there."""
    after = indexed(tx)
    rows = tx.all("unindexed", after=after, limit=BATCH)
    batch = _together(rows)
    if not batch:
        return Indexed(after, more=False)
    prepared = ahead is not None and (ahead.id, ahead.job_id, ahead.attempt) == (rows[0][0], *rows[0][2:])
    if prepared:
        batch = batch[:1]
    volumes.begin_when_full(tx, sum(row[1] for row in rows[: len(batch)]))
    if ahead is not None and prepared:
        texts = {"error": ahead.error, "stderr": ahead.stderr, "result": ahead.result, "facets": ahead.facets}
        tx.run("index_words", id=ahead.id, **texts)
    else:
        tx.run("index_attempts", after=after, through=batch[-1])
    tx.run("merge_text", pages=MERGED)
    tx.run("set_meta", key=INDEXED, value=str(batch[-1]))
    return Indexed(batch[-1], more=len(rows) == BATCH or len(batch) < len(rows))


def trim_attempts(tx: Tx, before: int, limit: int, at: Reach) -> tuple[int, Reach]:
    """Deletes the oldest attempts that ended before a time, at most `limit`, with their full text.

    Returns how many, and where the full text stands then; the volumes are to follow. In a full volume the text stays
    until all of the volume goes: it finds nothing any more.
    """
    sizes: dict[int, int] = dict(tx.all("old_attempts", before=before, limit=limit))
    rows = bounded(sizes.items())
    if not rows:
        return 0, at
    written = [row for row in rows if at.opened < row <= at.through]
    if any(sizes[row] > TOO_LARGE for row in written):
        at, written = volumes.begin(tx, at), []
    if written:
        tx.run("trim_text", ids=orjson.dumps(written).decode())
        tx.run("merge_text", pages=MERGED)
    return tx.run("trim_attempts", ids=orjson.dumps(rows).decode()).rowcount, at


def _together(rows: Sequence[tuple[Any, ...]]) -> list[int]:
    """The first attempts that are a batch together; a large one comes first."""
    batch = bounded((row[0], row[1]) for row in rows)
    sizes = [row[1] for row in rows[: len(batch)]]
    return batch[: next((n for n, size in enumerate(sizes) if n and size > LARGE), len(batch))]


def indexed(tx: Tx) -> int:
    """The last attempt whose full text was written; 0 for none."""
    return volumes.reach(tx).through


def bounded(rows: Iterable[tuple[T, int]]) -> list[T]:
    """The first of these that are a batch together by the bytes of each: one at least."""
    batch: list[T] = []
    total = 0
    for row, size in rows:
        total += size
        if batch and total > BATCH_BYTES:
            break
        batch.append(row)
    return batch
