"""One harness for each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.store_backends import BACKENDS, StoreHarness


@pytest.fixture(params=sorted(BACKENDS))
async def at(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreHarness]:
    """A new store of each kind."""
    harness = StoreHarness()
    await harness.open(request.param, tmp_path)
    yield harness
    await harness.store.close()
