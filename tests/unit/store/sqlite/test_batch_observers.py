"""What is told of each batch that the store writes."""

import asyncio
import sqlite3

import pytest

from ductile.store.errors import StoreUnavailable
from ductile.store.meta import set_meta
from ductile.store.sqlite.store import SqliteStore
from ductile.store.sqlite.transaction import SqliteTransaction


@pytest.fixture
def heard(store: SqliteStore) -> list[tuple[int, float | None]]:
    told: list[tuple[int, float | None]] = []
    store.on_batch(lambda operations, seconds: told.append((operations, seconds)))
    return told


async def test_every_batch_tells_its_size_and_how_long_its_commit_took(
    store: SqliteStore, heard: list[tuple[int, float | None]]
) -> None:
    await asyncio.gather(*(store.write(set_meta, "k", str(n)) for n in range(100)))
    assert sum(operations for operations, _ in heard) == 100
    assert all(seconds is not None and 0 < seconds < 60 for _, seconds in heard)


async def test_a_batch_that_could_not_be_committed_has_no_time(
    store: SqliteStore, heard: list[tuple[int, float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tx: SqliteTransaction) -> None:
        message = "disk I/O error"
        raise sqlite3.OperationalError(message)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteTransaction, "commit", fail)
        with pytest.raises(StoreUnavailable):
            await store.write(set_meta, "k", "v")
    await store.write(set_meta, "k", "v")
    assert [seconds is None for _, seconds in heard] == [True, False]


async def test_a_batch_whose_only_operation_fails_is_still_a_commit(
    store: SqliteStore, heard: list[tuple[int, float | None]]
) -> None:
    def fail(_tx: SqliteTransaction) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(fail)
    assert [seconds is not None for _, seconds in heard] == [True]
