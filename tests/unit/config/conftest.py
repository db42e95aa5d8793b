import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ductile.config.compile import Compiled, compile_config
from ductile.model.snapshot import Snapshot

PLUGINS = Path(__file__).parents[2] / "golden" / "config"

Compile = Callable[..., Compiled]
Snap = Callable[..., Snapshot]


@pytest.fixture
def compile_yaml(tmp_path: Path) -> Compile:
    """Writes `config.yaml` (and other files) beside the golden cases' plugins and compiles it."""
    for name in ("plugins", "faulty"):
        shutil.copytree(PLUGINS / name, tmp_path / name)

    def compile_yaml(text: str, environ: Mapping[str, str] | None = None, **files: str) -> Compiled:
        for name, body in {"config.yaml": text, **{f"{key}.yaml": body for key, body in files.items()}}.items():
            (tmp_path / name).write_text(body)
        return compile_config(tmp_path / "config.yaml", environ or {}, generation=3)

    return compile_yaml


@pytest.fixture
def snapshot_of(compile_yaml: Compile) -> Snap:
    """As `compile_yaml`, for a configuration without errors."""

    def snapshot_of(text: str, environ: Mapping[str, str] | None = None, **files: str) -> Snapshot:
        compiled = compile_yaml(text, environ, **files)
        assert compiled.errors == ()
        assert compiled.snapshot is not None
        return compiled.snapshot

    return snapshot_of
