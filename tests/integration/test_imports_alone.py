"""Each module can be imported first, with warnings as errors."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "ductile").rglob("*.py"))


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
