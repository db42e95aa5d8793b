from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.web import Web, serving


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    """A server that nothing dispatches for."""
    async with serving(tmp_path) as web:
        yield web
