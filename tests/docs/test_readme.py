"""Runs the README's shell blocks in order against a real gateway, and compares what they print with what it says.

`DUCTILE_UPDATE=1 pytest tests/docs` writes the real output into it.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ADDRESS = "127.0.0.1:8080"
SET_UP = {"scripts/start\n", "scripts/test\n"}
"""Blocks that set up the machine; the gateway and the tests are running already."""
BLOCK = re.compile(
    r"^```sh\n(?P<shell>.*?)^```\n(?:\n```(?P<kind>json|text)\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
BETWEEN = "\x1e"
TOKEN = "0123456789abcdef" * 3
VARYING = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "(id)"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "(time)"),
    (re.compile(r"[0-9a-f]{64}"), "(hash)"),
    (re.compile(r'("duration_ms": ?)\d+'), r"\1(number)"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A copy of what the README speaks of, and a gateway that serves it at an address of its own."""
    for folder in ("config", "pipelines", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("data", ".env", "__pycache__"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    api = tmp_path / "config/api.yaml"
    api.write_text(api.read_text().replace(ADDRESS, address))
    (tmp_path / "config/.env").write_text(f"DUCTILE_ADMIN_TOKEN={TOKEN}\n")
    ductile = tmp_path / ".venv/bin/ductile"
    ductile.parent.mkdir(parents=True)
    ductile.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m ductile.cli.main "$@"\n')
    ductile.chmod(0o755)
    environ = clean()
    start = [ductile, "system", "start", "--config-dir", "config"]
    with subprocess.Popen(start, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as gateway:
        assert gateway.stderr is not None
        log = next((line for line in gateway.stderr if "listening" in line), None)
        assert log, "the gateway did not start"
        try:
            yield address
        finally:
            gateway.send_signal(signal.SIGTERM)
            gateway.communicate(timeout=30)
    assert gateway.returncode == 0


def clean() -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    return {**environ, "PYTHONPATH": str(ROOT)}


def run(blocks: list[str], folder: Path) -> list[str]:
    """What each block prints, all of them in one shell."""
    script = f"\nprintf '{BETWEEN}'\n".join(["set -eu", *blocks])
    ended = subprocess.run(
        ["bash"], input=script, cwd=folder, env=clean(), capture_output=True, text=True, timeout=90, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    return ended.stdout.split(BETWEEN)[1:]


def steady(text: str, kind: str) -> Any:
    """The output without what differs from run to run; JSON by its value."""
    for pattern, stand_in in VARYING:
        text = pattern.sub(stand_in, text)
    return json.loads(text.replace("(number)", "0")) if kind == "json" else text.strip()


def printed(text: str, kind: str) -> str:
    """The output as the README shows it."""
    shown = json.dumps(json.loads(text), indent=2, ensure_ascii=False) if kind == "json" else text.strip()
    return shown + "\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README calls the gateway with curl")
def test_the_shell_blocks_do_what_the_readme_says(address: str, tmp_path: Path) -> None:
    readme = README.read_text()
    blocks = [block for block in BLOCK.finditer(readme) if block["shell"] not in SET_UP]
    outputs = run([block["shell"].replace(ADDRESS, address) for block in blocks], tmp_path)
    outputs = [output.replace(address, ADDRESS).replace(str(tmp_path), "/home/ada/ductile") for output in outputs]
    if os.environ.get("DUCTILE_UPDATE"):
        for block, output in reversed(list(zip(blocks, outputs, strict=True))):
            if block["kind"]:
                start, end = block.span("output")
                readme = readme[:start] + printed(output, block["kind"]) + readme[end:]
        README.write_text(readme)
        return
    for block, output in zip(blocks, outputs, strict=True):
        if block["kind"]:
            assert steady(output, block["kind"]) == steady(block["output"], block["kind"]), block["shell"]
        else:
            assert output == "", block["shell"]
