"""Clients that other people's generators make of the OpenAPI document compile, and do what it says."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from support.gateway import TOKEN, Gateway

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests/clients"
CACHE = ROOT / ".cache/clients"
"""Generators that were installed once; named by what was locked."""
TIMEOUT_SECONDS = 240
"""Seconds; an installation comes over the network."""

pytestmark = pytest.mark.timeout(300)


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """The output of a command that must succeed."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{' '.join(map(str, command))}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def installed(kind: str, lock: Path, registry: str, install: Callable[[Path], None]) -> Path:
    """The folder with what this lock names, installed now if it is not there. Skips where no registry answers."""
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    place = CACHE / f"{kind}-{digest}"
    if place.exists():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        try:
            install(fresh)
        except AssertionError:
            if not answers(registry):
                pytest.skip(f"{registry} cannot be reached, and the generator is not installed yet")
            raise
        try:
            fresh.rename(place)
        except OSError:
            assert place.exists(), place  # another run of the tests was faster
    return place


def answers(url: str) -> bool:
    """Whether anything answers there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture
def document(sample: Gateway, tmp_path: Path) -> Path:
    """The gateway's own document, as its clients get it."""
    path = tmp_path / "openapi.json"
    path.write_bytes(sample.call("GET", "/openapi.json", token=None).raw)
    return path


@pytest.fixture
def where(sample: Gateway) -> dict[str, str]:
    host, port = sample.address
    return {"DUCTILE_URL": f"http://{host}:{port}", "DUCTILE_TOKEN": TOKEN}


def test_a_python_client_is_generated_and_works(document: Path, where: dict[str, str], tmp_path: Path) -> None:
    source = CLIENTS / "python"
    lock = source / "requirements.lock"

    def install(folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
        run(*pip, "--require-hashes", "--target", folder, "-r", lock, cwd=folder)

    packages = installed("python", lock, "https://pypi.org/simple/", install)
    alone = (sys.executable, "-S")  # without the packages of the gateway: only what the lock names
    generate = (*alone, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning")
    config = source / "generator.yaml"
    path = {"PYTHONPATH": str(packages)}
    package = tmp_path / "ductile_client"
    run(*generate, "--path", document, "--output-path", package, "--config", config, cwd=tmp_path, env=path)
    path["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{packages}"
    assert run(*alone, source / "use.py", cwd=tmp_path, env={**path, **where}) == "ok\n"


def test_a_typescript_client_is_generated_compiles_strictly_and_works(
    document: Path, where: dict[str, str], tmp_path: Path
) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    source = CLIENTS / "typescript"

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=folder)

    packages = installed("typescript", source / "package-lock.json", "https://registry.npmjs.org/", install)
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    for name in ("use.ts", "tsconfig.json", "package.json"):
        shutil.copy(source / name, tmp_path)
    commands = tmp_path / "node_modules/.bin"
    run(commands / "openapi-typescript", document, "-o", tmp_path / "schema.d.ts", cwd=tmp_path)
    run(commands / "tsc", "--project", tmp_path, cwd=tmp_path)
    assert run(node, "out/use.js", cwd=tmp_path, env=where) == "ok\n"
