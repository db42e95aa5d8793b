"""Reading connections: each has a thread of its own, and none outlives the store."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from ductile.store.sqlite import Store


async def test_a_reader_that_is_cancelled_while_its_connection_opens_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(tmp_path / "state.db", clock=lambda: 1)
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
