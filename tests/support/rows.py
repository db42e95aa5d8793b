"""The endpoints of the gateway under its default configuration."""

from pathlib import Path
from tempfile import TemporaryDirectory

from ductile.config.compile import compile_config
from ductile.model.route import Route
from ductile.parts import SECTIONS, SURFACES


def default_rows() -> list[Route]:
    """Every row, with the settings of an `api:` section that says nothing."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text("api: {}\n")
        snapshot = compile_config(path, {}, generation=1, surfaces=SURFACES, sections=SECTIONS).snapshot
    assert snapshot is not None
    return list(snapshot.rows)
