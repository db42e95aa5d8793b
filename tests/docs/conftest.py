"""What all pages share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import warm_ductile


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a `ductile` that is loaded already."""
    with warm_ductile(tmp_path_factory.mktemp("ductile")) as socket:
        yield socket
