"""A wheel of this checkout, and a virtual environment that has it installed."""

import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of what is built from; its path."""
    source = folder / "source"
    for name in ("ductile", "plugins"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    # What tests and builds leave behind must not get in.
    (source / "plugins/echo/__pycache__").mkdir()
    (source / "plugins/echo/__pycache__/run.cpython-311.pyc").write_bytes(b"\0")
    (source / "plugins/echo/target").write_text("a build output")
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-c", "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])", folder],
        cwd=source,
        capture_output=True,
        check=True,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def install_wheel(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone into a new environment, which finds the dependencies in this one; its `ductile`."""
    venv.create(folder, symlinks=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--no-deps", "--no-index", wheel],
        capture_output=True,
        check=True,
    )
    [packages] = folder.glob("lib/python*/site-packages")
    # A path file is not read in a folder that another path file adds: this checkout does not come along.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "bin/ductile"
