"""A dispatcher with short pauses between its tries."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.dispatch import DispatcherHarness, open_dispatcher

from ductile.dispatch import attempt, dispatcher, lane_mover


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(lane_mover, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(attempt, "SETTLE_RETRY_SECONDS", 0.001)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DispatcherHarness]:
    async with open_dispatcher(tmp_path) as harness:
        yield harness
