"""The full text of ended attempts: written behind them in batches, so that settling need not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import orjson

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


@dataclass(frozen=True, slots=True)
class Indexed:
    """How far the full text reaches, and whether it may go on from there."""

    through: int
    more: bool


def index_attempts(tx: Tx) -> Indexed:
    """Writes the full text of the next attempts that have none."""
    after = indexed(tx)
    rows = tx.all("unindexed", after=after, limit=BATCH)
    batch = bounded((row, size) for row, size in rows)
    if not batch:
        return Indexed(after, more=False)
    volumes.begin_when_full(tx, sum(size for _, size in rows[: len(batch)]))
    tx.run("index_attempts", after=after, through=batch[-1])
    tx.run("merge_text", pages=MERGED)
    tx.run("set_meta", key=INDEXED, value=str(batch[-1]))
    return Indexed(batch[-1], more=len(rows) == BATCH or len(batch) < len(rows))


def trim_attempts(tx: Tx, before: int, limit: int, at: Reach) -> int:
    """Deletes the oldest attempts that ended before a time, at most `limit`, with their full text; returns how many.

    In a full volume the text stays until all of the volume goes: it finds nothing any more. The volumes are to follow.
    """
    rows = bounded((row, size) for row, size in tx.all("old_attempts", before=before, limit=limit))
    if not rows:
        return 0
    if written := [row for row in rows if at.opened < row <= at.through]:
        tx.run("trim_text", ids=orjson.dumps(written).decode())
        tx.run("merge_text", pages=MERGED)
    return tx.run("trim_attempts", ids=orjson.dumps(rows).decode()).rowcount


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
