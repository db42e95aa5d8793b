"""Every block of docs/ runs, compiles or is read as what it claims to be."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.pages import KINDS, ROOT, Block, blocks_of, environ, faults, free_address, run, shims

from ductile.config.compile import compile_config
from ductile.document.read import read_text
from ductile.plugin.manifest_parser import parse_manifest
from ductile.plugin.messages import read_response

PAGES = sorted((ROOT / "docs").rglob("*.md"))
PRACTICE = "<!-- practice gateway -->"
"""On a page whose commands find a new configuration in `gateway/`, and a gateway that runs it."""
MARKERS = re.compile(
    r"(file: [\w./-]+|merge into: [\w./-]+|starts the gateway|any output|configuration|manifest|request|response"
    r"|not run: .{10,})?"
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT / "docs"))


@dataclass(frozen=True)
class Practice:
    """A folder with a running gateway in `gateway/`."""

    folder: Path
    pristine: Path
    address: str
    token: str
    path: Path

    def restore(self) -> None:
        """Make the configuration new again; what has happened stays in the database."""
        for one in self.folder.iterdir():
            if one.name == "gateway":
                for part in one.iterdir():
                    if part.name != "data":
                        shutil.rmtree(part) if part.is_dir() else part.unlink()
            else:
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        shutil.copytree(self.pristine, self.folder / "gateway", dirs_exist_ok=True)
        for call in ("resume", "reload"):
            ask = urllib.request.Request(
                f"http://{self.address}/system/{call}", method="POST", headers={"Authorization": f"Bearer {self.token}"}
            )
            urllib.request.urlopen(ask, timeout=30).close()


@pytest.fixture(scope="module")
def practice(warm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    base = tmp_path_factory.mktemp("practice")
    address = free_address()
    path = shims(base / "bin", warm, address)
    folder, pristine = base / "home", base / "pristine"
    folder.mkdir()
    subprocess.run(["ductile", "config", "init", pristine, "--quiet"], env=environ(path), check=True, stdout=-3)
    shutil.copytree(pristine, folder / "gateway")
    (folder / "gateway/data").mkdir()
    token = (folder / "gateway/.env").read_text().rpartition("=")[2].strip()
    start = ["ductile", "system", "start", "--config-dir", "gateway"]
    with subprocess.Popen(start, cwd=folder, env=environ(path), stderr=subprocess.PIPE, text=True) as gateway:
        assert gateway.stderr is not None
        assert next((line for line in gateway.stderr if "listening" in line), None), "the gateway did not start"
        drained = subprocess.Popen(["cat"], stdin=gateway.stderr, stdout=subprocess.DEVNULL)
        try:
            yield Practice(folder, pristine, address, token, path)
        finally:
            gateway.send_signal(signal.SIGTERM)
            gateway.wait(timeout=30)
            drained.wait(timeout=30)
    assert gateway.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_blocks_of_a_page_do_what_it_says(
    page: Path, warm: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    blocks = blocks_of(page)
    if not any(block.runs for block in blocks):
        return
    if missing := {name for name in needed(page) if shutil.which(name) is None}:
        pytest.skip(f"{page.name} needs {', '.join(sorted(missing))}")
    if PRACTICE in page.read_text():
        shared: Practice = request.getfixturevalue("practice")
        variables = {"DUCTILE_CONFIG_DIR": str(shared.folder / "gateway"), "TOKEN": shared.token}
        try:
            outputs = run(blocks, shared.folder, shared.address, environ(shared.path, **variables))
        finally:
            shared.restore()
    else:
        address = free_address()
        folder = tmp_path / "home"
        folder.mkdir()
        path = shims(tmp_path / "bin", warm, address)
        outputs = run(blocks, folder, address, environ(path))
    assert list(faults(blocks, outputs)) == []


def needed(page: Path) -> set[str]:
    """Programs that the page's commands call, or that it names in a comment: `<!-- needs: node -->`."""
    text = page.read_text()
    called = {"curl"} if "curl -" in text or "<!-- starts the gateway -->" in text else set()
    return called.union(*(names.split() for names in re.findall(r"^<!-- needs: (.*) -->$", text, re.MULTILINE)))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_of_a_page_is_checked(page: Path, tmp_path: Path) -> None:
    for block in blocks_of(page):
        assert block.language in KINDS, f"{block.place}: ```{block.language} is checked by nothing"
        assert MARKERS.fullmatch(block.marker), f"{block.place}: unknown marker {block.marker!r}"
        assert checked(block, tmp_path) == [], block.place


def checked(block: Block, folder: Path) -> list[str]:
    """What is wrong with a block that is not run."""
    if block.language == "sh":
        read = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
        return read.stderr.splitlines()
    if block.marker == "configuration":
        return compiled(block.text, folder)
    if block.marker == "response":
        read_response(block.text.encode())
    elif block.language == "json":
        json.loads(block.text)
    if block.language != "yaml":
        return []
    document = read_text(block.text, file=block.place)
    problems = list(document.problems)
    if block.marker == "manifest":
        problems += parse_manifest(document)[1]
    return [str(problem) for problem in problems] or (
        [] if block.marker else ["YAML needs a marker that says what it is"]
    )


def compiled(text: str, folder: Path) -> list[str]:
    """The problems of a configuration that includes this text besides what a new one has."""
    home = folder / "configured"
    if not home.exists():
        made = subprocess.run(
            [sys.executable, "-m", "ductile.cli.main", "config", "init", home, "--quiet"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
        )
        assert made.returncode == 0, made.stderr
        shutil.copytree(ROOT / "plugins", home / "plugins", dirs_exist_ok=True)
    (home / "pipelines/shown.yaml").write_text(text)
    found = compile_config(home / "config.yaml", {"PATH": os.environ["PATH"]}, generation=1)
    return [str(problem) for problem in found.errors]
