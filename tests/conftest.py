"""Fixtures that every test may use."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway import Gateway, gateways

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that is not started yet."""
    yield from gateways(tmp_path)
