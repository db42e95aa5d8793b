"""Reading connections: each has a thread of its own, and none outlives the store."""

import asyncio
import sqlite3
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from ductile.store.meta import set_meta
from ductile.store.sqlite.read_pool import ReadTransaction
from ductile.store.sqlite.store import SqliteStore


async def test_a_reader_that_is_cancelled_while_its_connection_opens_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1)
    before, opening, go_on = set(threading.enumerate()), threading.Event(), threading.Event()
    connect = sqlite3.connect

    def slowly(*args: Any, **options: Any) -> sqlite3.Connection:
        opening.set()
        assert go_on.wait(10)
        return connect(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("aiosqlite.core.sqlite3.connect", slowly)
        asking = asyncio.create_task(store.depth())
        await asyncio.to_thread(opening.wait, 10)
        asking.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert sum((await store.depth()).values()) == 0
    await store.close()
    for thread in set(threading.enumerate()) - before:
        if "connection" in thread.name:
            thread.join(10)
            assert not thread.is_alive()


async def test_a_reader_that_is_cancelled_holds_nobody_up_while_another_connection_is_free(store: SqliteStore) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def slowly(reads: ReadTransaction) -> None:
        at_work.set()
        assert go_on.wait(60)
        reads.rows("depth")

    pool = store._pool  # noqa: SLF001 - nothing public reads slowly
    await asyncio.gather(*(pool.read(lambda reads: reads.rows("depth")) for _ in range(3)))
    reading = asyncio.create_task(pool.read(slowly))
    await asyncio.to_thread(at_work.wait, 10)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    try:
        for _ in range(3):
            assert await asyncio.wait_for(store.meta("x"), 5) is None
    finally:
        go_on.set()


async def test_a_failed_reader_leaves_its_connection_to_the_next(store: SqliteStore) -> None:
    def fail(reads: ReadTransaction) -> None:
        reads.rows("depth")
        raise ZeroDivisionError

    pool = store._pool  # noqa: SLF001 - as above
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await pool.read(fail)
    await store.write(set_meta, "x", "1")
    assert await store.meta("x") == "1", "no transaction of theirs is open"


async def test_a_thread_keeps_nothing_of_what_was_read(store: SqliteStore) -> None:
    class Found:
        """Something that a weak reference can point at."""

    found = await store._pool.read(lambda _reads: Found())  # noqa: SLF001 - as above
    left = weakref.ref(found)
    del found
    assert left() is None
