"""Fixtures of attacks on the real gateway."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway import Gateway, gateways


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that is not started yet."""
    yield from gateways(tmp_path / "gateway")
