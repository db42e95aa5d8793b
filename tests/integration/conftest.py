"""Fixtures of tests against the real gateway."""

from collections.abc import Iterator

import pytest
from support.gateway import Gateway
from support.sample_gateway import add_sample_plugins


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A sample gateway that the tests of a module share."""
    gateway = Gateway(tmp_path_factory.mktemp("sample"))
    try:
        yield add_sample_plugins(gateway).start()
    finally:
        gateway.close()
