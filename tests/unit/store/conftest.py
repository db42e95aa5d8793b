"""A store to work with."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.store import SqliteHarness

from ductile.store.sqlite.store import SqliteStore


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SqliteHarness]:
    """The write operations, without the thread."""
    harness = SqliteHarness(tmp_path / "state.db")
    yield harness
    harness.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """The store as the gateway has it; its clock stands."""
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1_000_000)
    yield store
    await store.close()
