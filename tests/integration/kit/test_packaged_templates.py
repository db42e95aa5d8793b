"""What a wheel of Ductile brings: every template, and the bundled plugins as they run."""

import zipfile
from pathlib import Path

import pytest
from support.wheel import build_wheel

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "ductile/kit/templates"
EXECUTABLE = 0o111 << 16
"""In the attributes of a file in a wheel."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


def test_a_wheel_holds_every_template(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {"ductile/author/ductile_plugin.py", "ductile/author/ductile_plugin.mjs"} <= set(names)
    held = {name for name in names if name.startswith("ductile/kit/templates/")}
    ours = {path.relative_to(ROOT).as_posix() for path in TEMPLATES.rglob("*") if path.is_file()}
    assert held == ours
    assert len(ours) > 20
    assert all(name.endswith(".tmpl") for name in ours)


def test_a_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if name.endswith(".py") and not name.startswith("ductile/bundled/")}
    assert held == {path.relative_to(ROOT).as_posix() for path in (ROOT / "ductile").rglob("*.py")}


def test_a_wheel_holds_the_bundled_plugins_without_their_tests(wheel: zipfile.ZipFile) -> None:
    bundled = [one for one in wheel.infolist() if one.filename.startswith("ductile/bundled/")]
    held = {one.filename.removeprefix("ductile/bundled/"): one for one in bundled}
    ours = {path.relative_to(ROOT / "plugins").as_posix() for path in (ROOT / "plugins").glob("*/manifest.yaml")}
    assert {name for name in held if name.endswith("manifest.yaml")} == ours
    assert "fetch/fetch_http.py" in held
    programs = {name for name in held if name.split("/")[1].startswith("run.")}
    assert {name.split("/")[0] for name in programs} == {name.split("/")[0] for name in ours}
    assert {name for name, one in held.items() if one.external_attr & EXECUTABLE} == programs
    assert [name for name in held if "test" in name.split("/")[1] and not name.startswith("text_stats/")] == []
    assert not any(part in name for name in held for part in ("__pycache__", ".pyc", "target"))
