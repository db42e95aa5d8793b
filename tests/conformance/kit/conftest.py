"""Fresh plugins in five languages. Compilers are asked once for what does not change."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kit import MakePlugin

from ductile.kit.plugin_folder import make_folder, missing_programs
from ductile.kit.template import Language, plugin_files

ROOT = Path(__file__).parents[3]
CACHE = ROOT / ".pytest_cache/kit"
"""What cargo has built stays from run to run: the crates are the same each time."""
TOOLCHAINS = ("/usr/local/go/bin", str(Path.home() / ".cargo/bin"))
FAST = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_STRIP": "false",
    "CARGO_PROFILE_RELEASE_DEBUG": "0",
    "CARGO_PROFILE_RELEASE_INCREMENTAL": "false",
    "GOFLAGS": "-ldflags=-s",
}


@pytest.fixture(scope="session", autouse=True)
def toolchains() -> Iterator[None]:
    """Compilers on the PATH, and quick ones; the interpreter that runs the tests is `python3`, not a shim of it."""
    with pytest.MonkeyPatch.context() as patch:
        python = str(Path(os.path.realpath(sys.executable)).parent)
        patch.setenv("PATH", os.pathsep.join((python, os.environ["PATH"], *TOOLCHAINS)))
        patch.setenv("CARGO_TARGET_DIR", str(CACHE / "target"))
        for name, value in FAST.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def make_plugin(tmp_path: Path) -> MakePlugin:
    """Makes a new plugin, unbuilt; skips where its language is not there."""

    def make(language: str, name: str, *, persistent: bool = False, small: bool = False) -> Path:
        missing = missing_programs(Language(language), small=small)
        if missing:
            pytest.skip(f"{', '.join(missing)} is not on the PATH")
        return make_folder(name, tmp_path, plugin_files(name, Language(language), persistent=persistent, small=small))

    return make
