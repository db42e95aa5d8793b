"""What a wheel of Ductile brings: every template, with the files that begin with a dot."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "ductile/kit/templates"


def test_a_wheel_holds_every_template(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "ductile", source / "ductile", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-c", "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])", tmp_path],
        cwd=source,
        capture_output=True,
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"ductile/author/ductile_plugin.py", "ductile/author/ductile_plugin.mjs"} <= set(names)
    held = {name for name in names if name.startswith("ductile/kit/templates/")}
    ours = {path.relative_to(ROOT).as_posix() for path in TEMPLATES.rglob("*") if path.is_file()}
    assert held == ours
    assert len(ours) > 20
    assert all(name.endswith(".tmpl") for name in ours)
