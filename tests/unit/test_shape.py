"""The shape of the house: who may import whom, how long a file may be, and that each one stands alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ductile"
RANKS = [
    {"errors", "model", "document"},
    {"background_service", "plugin", "author", "flow", "store", "describe", "observe", "client"},
    {"config", "submit", "dry_run", "dispatch"},
    {"ingress", "maintenance", "http", "kit"},
    {"parts"},
    {"app"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
BESIDE = RANKS[0]
"""The one rank whose parts may import each other: values, documents and the error root."""
LONGEST = 350
MODULES = sorted(PACKAGE.rglob("*.py"))
OURS = [path for folder in ("ductile", "plugins", "scripts", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


def part(path: Path) -> str:
    """`ductile/store/errors.py` is of `store`, `ductile/app.py` of `app`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """The parts of Ductile that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides what it reaches for"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "ductile" and rest.partition(".")[0] != "__version__":
                yield rest.partition(".")[0], getattr(node, "lineno", 0)


def wrong_imports(path: Path) -> list[str]:
    own = part(path)
    return [
        f"{path.relative_to(ROOT)}:{line}: {own} (rank {RANK[own]}) imports {other} (rank {RANK.get(other)})"
        for other, line in imported(path)
        if other != own and not {own, other} <= BESIDE and RANK.get(other, 99) >= RANK[own]
    ]


def test_every_part_has_a_rank() -> None:
    assert {part(path) for path in MODULES} - {"__init__"} == set(RANK)


def test_a_file_imports_only_from_lower_ranks() -> None:
    assert [wrong for path in MODULES if part(path) != "__init__" for wrong in wrong_imports(path)] == []


def test_an_import_of_a_higher_rank_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flow").mkdir()
    module = tmp_path / "flow/x.py"
    module.write_text("import json\nfrom ductile.store import errors\nfrom ductile.model.job import Job\n")
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert wrong_imports(module) == ["flow/x.py:2: flow (rank 1) imports store (rank 1)"]


def test_no_module_is_longer_than_a_head_can_hold() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_nothing_is_left_to_be_done() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    files = [*OURS, *(path for path in (ROOT / "scripts").iterdir() if path.is_file())]
    assert [str(path) for path in files if any(word in path.read_text() for word in words)] == []


@pytest.mark.timeout(180)
def test_each_module_imports_alone_with_warnings_as_errors() -> None:
    """A forked child for each, so that none profits from what another has imported, and what all need loads once."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES]
    script = """
import importlib, os, sys, traceback
import aiohttp, aiosqlite, jsonschema_rs, orjson, prometheus_client, pydantic, pydantic_settings, re2, rich.console
import ruamel.yaml, structlog, typer, watchfiles, yaml  # what some of them need costs each of them its time
failed, running = [], {}
def reap():
    child, status = os.wait()
    name = running.pop(child)
    if status:
        failed.append(name)
for name in sys.argv[1:]:
    if len(running) == 4:
        reap()
    child = os.fork()
    if child:
        running[child] = name
        continue
    try:
        importlib.import_module(name)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
while running:
    reap()
print(*sorted(failed))
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.split(), ended.stderr, ended.returncode) == ([], "", 0)
