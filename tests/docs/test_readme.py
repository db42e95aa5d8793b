"""The README's blocks run in order against a real gateway of the example configuration."""

import shutil
from pathlib import Path

import pytest
from support.pages import ADDRESS, ROOT, blocks_of, environ, faults, free_address, run, shims

TOKEN = "0123456789abcdef" * 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README calls the gateway with curl")
def test_the_blocks_do_what_the_readme_says(warm: Path, tmp_path: Path) -> None:
    address = free_address()
    home = tmp_path / "home"
    for folder in ("config", "pipelines", "plugins"):
        left_out = shutil.ignore_patterns("data", ".env", "__pycache__")
        shutil.copytree(ROOT / folder, home / folder, ignore=left_out)
    api = home / "config/api.yaml"
    api.write_text(api.read_text().replace(ADDRESS, address))
    (home / "config/.env").write_text(f"DUCTILE_ADMIN_TOKEN={TOKEN}\n")
    path = shims(tmp_path / "bin", warm, address)
    start = home / "scripts/start"
    start.parent.mkdir()
    start.write_text(f"#!/bin/sh\nexec {path}/ductile system start --config-dir config\n")
    start.chmod(0o755)
    blocks = blocks_of(ROOT / "README.md")
    assert list(faults(blocks, run(blocks, home, address, environ(path)))) == []
