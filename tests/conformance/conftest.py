"""One gateway for all plugins of this folder; what is compiled is compiled on the way in."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.gateway import Gateway, gateways

PLUGINS = Path(__file__).parent / "plugins"
COMPILERS: Mapping[str, tuple[str, ...]] = {
    "go": ("go", "build", "-o", "run", "main.go"),
    "rust": ("rustc", "-C", "debuginfo=0", "-o", "run", "main.rs"),
    "c": ("cc", "-o", "run", "main.c"),
}
INTERPRETERS = {"bash": "bash", "python": "python3", "node": "node"}


def compile_in(folder: Path, command: tuple[str, ...]) -> str | None:
    """Why the plugin cannot be had, or None once it is compiled."""
    if shutil.which(command[0]) is None:
        return f"`{command[0]}` is not on the PATH"
    environ = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"}
    made = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return None if made.returncode == 0 else f"`{' '.join(command)}` failed: {made.stderr}"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Mapping[str, str]]]:
    """The gateway, started, and language → why it is absent."""
    for gateway in gateways(tmp_path_factory.mktemp("conformance")):
        shutil.copytree(PLUGINS, gateway.plugins, dirs_exist_ok=True)
        folders = [gateway.plugins / f"speaks_{language}" for language in COMPILERS]
        with ThreadPoolExecutor() as pool:
            why = dict(zip(COMPILERS, pool.map(compile_in, folders, COMPILERS.values()), strict=True))
        why |= {
            language: None if shutil.which(program) else f"`{program}` is not on the PATH"
            for language, program in INTERPRETERS.items()
        }
        absent = {language: reason for language, reason in why.items() if reason}
        present = [language for language in why if language not in absent]
        gateway.configure(
            service={"max_workers": 4},
            pipelines=[
                {
                    "name": "babel",
                    "on": "speak",
                    "steps": [{"id": language, "uses": f"speaks_{language}"} for language in present],
                },
                {"name": "heard", "on": "shape.full", "steps": [{"uses": "deaf"}]},
            ],
        )
        yield gateway.start(), absent


@pytest.fixture
def sample(installed: tuple[Gateway, Mapping[str, str]]) -> Gateway:
    """The started gateway with the plugins of this folder."""
    return installed[0]
