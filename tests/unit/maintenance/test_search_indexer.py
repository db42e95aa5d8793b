"""Full text is written behind the work."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.store import settlement, start

from ductile.maintenance import search_indexer
from ductile.maintenance.search_indexer import SearchIndexer
from ductile.store.sqlite.search.indexer import Indexed, Words, index_attempts
from ductile.store.sqlite.store import SqliteStore
from ductile.store.transaction import Tx


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1_000_000)
    yield store
    await store.close()


async def end_job(store: SqliteStore, n: int = 1) -> None:
    for _ in range(n):
        await store.submit(start())
        claims = await store.claim({"echo": 1}, 1, lambda _: None)
        await store.settle(settlement(claims.claimed[0].job, error="broken"))


async def wait_until_indexed(store: SqliteStore) -> None:
    """Wait until nothing is left to index; a read gives the loop to the chore."""
    async with asyncio.timeout(10):
        while len(set(await store.text_progress())) > 1:
            pass


async def test_it_begins_with_what_the_last_gateway_left_and_follows_what_ends(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_indexer, "BATCH_INTERVAL_SECONDS", 0)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.BATCH_ATTEMPTS", 2)
    await end_job(store, 5)
    index = SearchIndexer(store)
    await index.start()
    await wait_until_indexed(store)
    assert await store.text_progress() == (5, 5)
    await end_job(store, 3)
    await wait_until_indexed(store)
    assert await store.text_progress() == (8, 8)
    await index.stop()
    await end_job(store)
    assert await store.text_progress() == (9, 8)


async def test_it_tries_again_where_the_store_cannot_commit(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_indexer, "BATCH_INTERVAL_SECONDS", 0)
    await end_job(store)
    index = SearchIndexer(store)
    await store.write(lambda tx: tx.execute("set_meta", key="logs_indexed", value="0"))
    failures = iter([True, True])

    def out_of_order(tx: Tx, ahead: Words | None) -> Indexed:
        if next(failures, False):
            message = "disk I/O error"
            raise sqlite3.OperationalError(message)
        return index_attempts(tx, ahead)

    monkeypatch.setattr("ductile.store.sqlite.store.index_attempts", out_of_order)
    await index.start()
    await wait_until_indexed(store)
    assert index.task is not None
    assert not index.task.done()
    assert next(failures, None) is None
    await index.stop()


@pytest.mark.parametrize(
    ("left", "others", "least"),
    [(8, 0, 0.0), (8, 1, search_indexer.CONTENDED_INTERVAL_SECONDS), (1, 0, search_indexer.BATCH_INTERVAL_SECONDS)],
)
async def test_the_more_is_left_and_the_fewer_wait_the_sooner_it_goes_on(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, left: int, others: int, least: float
) -> None:
    monkeypatch.setattr(search_indexer, "PAUSE_FACTOR", 0)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.BATCH_ATTEMPTS", 2)
    monkeypatch.setattr(store, "has_waiters", lambda: bool(others))
    await end_job(store, left)
    slept: list[float] = []
    slept_once = asyncio.Event()
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        slept_once.set()
        await sleep(0)

    monkeypatch.setattr(search_indexer.asyncio, "sleep", note)
    index = SearchIndexer(store)
    await index.start()
    async with asyncio.timeout(10):
        await slept_once.wait()
    await index.stop()
    assert slept[0] == least


async def test_while_there_is_no_room_nothing_is_indexed(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_indexer, "BATCH_INTERVAL_SECONDS", 0)
    await end_job(store, 3)
    store.capacity_error = "the disk is small"
    index = SearchIndexer(store)
    await index.start()
    for _ in range(10):
        assert await store.text_progress() == (3, 0)
    store.capacity_error = None
    await wait_until_indexed(store)
    await index.stop()


async def test_a_large_attempt_is_read_beside_the_writer(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_indexer, "BATCH_INTERVAL_SECONDS", 0)
    monkeypatch.setattr("ductile.store.sqlite.reads.LARGE_ATTEMPT_BYTES", 5)
    given: list[Words | None] = []

    def record_index(tx: Tx, ahead: Words | None = None) -> Indexed:
        given.append(ahead)
        return index_attempts(tx, ahead)

    monkeypatch.setattr("ductile.store.sqlite.store.index_attempts", record_index)
    await end_job(store, 2)
    index = SearchIndexer(store)
    await index.start()
    await wait_until_indexed(store)
    await index.stop()
    assert [one.error for one in given if one is not None] == ["broken"] * 2
