"""The full text of ended attempts: written behind them in batches, so that settling need not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from ductile.store.tx import Tx

INDEXED = "logs_indexed"
"""The key in `meta`: the row id of the last attempt whose full text was written."""

BATCH = 64
"""Attempts that one transaction indexes at most."""

BATCH_BYTES = 1_000_000
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
    batch = bounded(rows)
    if not batch:
        return Indexed(after, more=False)
    tx.run("index_attempts", after=after, through=batch[-1])
    tx.run("merge_text", pages=MERGED)
    tx.run("set_meta", key=INDEXED, value=str(batch[-1]))
    return Indexed(batch[-1], more=len(rows) == BATCH or len(batch) < len(rows))


def trim_attempts(tx: Tx, before: int, limit: int) -> int:
    """Deletes the oldest attempts that ended before a time, at most `limit`, with their full text; returns how many."""
    rows = bounded(tx.all("old_attempts", before=before, limit=limit))
    if not rows:
        return 0
    ids, through = orjson.dumps(rows).decode(), indexed(tx)
    tx.run("trim_text", ids=ids, indexed=through)
    tx.run("merge_text", pages=MERGED)
    deleted = tx.run("trim_attempts", ids=ids).rowcount
    # Row ids rise from the highest that is left: those of deleted ones are given anew, and must be indexed then.
    ((newest,),) = tx.all("newest_attempt")
    if newest < through:
        tx.run("set_meta", key=INDEXED, value=str(newest))
    return deleted


def indexed(tx: Tx) -> int:
    """The last attempt whose full text was written; 0 for none."""
    row = tx.one("get_meta", key=INDEXED)
    return 0 if row is None else int(row[0])


def bounded(rows: Iterable[Sequence[int]]) -> list[int]:
    """The ids of the first `(id, bytes)` that are a batch together: one at least."""
    batch: list[int] = []
    total = 0
    for row_id, size in rows:
        total += size
        if batch and total > BATCH_BYTES:
            break
        batch.append(row_id)
    return batch
