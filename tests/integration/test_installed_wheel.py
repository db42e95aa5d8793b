"""An installed Ductile, without its checkout, serves the plugins that ship with it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.gateway import Gateway, gateways
from support.wheel import build_wheel, install_wheel

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture(scope="module")
def ductile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    return install_wheel(build_wheel(folder), folder / "venv")


@pytest.fixture
def gateway(ductile: Path, tmp_path: Path) -> Iterator[Gateway]:
    for one in gateways(tmp_path / "gateway"):
        one.program = (str(ductile),)
        yield one


def test_an_installed_gateway_runs_bundled_plugins(gateway: Gateway, ductile: Path) -> None:
    gateway.configure(plugin_roots=["./plugins", "bundled"], plugins={"echo": {"config": {"message": "from a wheel"}}})
    gateway.start()
    assert gateway.run("echo", "poll")["result"]["result"] == "from a wheel"
    assert gateway.run("text_stats", "measure", {"text": "a b"})["result"]["result"]["words"] == 2
    fetched = gateway.run("fetch", "handle", {"url": "http://127.0.0.1/"})
    assert "a private address" in fetched["last_error"]
    refused = gateway.post("/plugin/switch/handle", {"payload": {}})
    assert refused.status == 503
    assert "no entry in `plugins:` sets it up: it needs `config.checks`" in refused.body["details"]["reason"]
    assert gateway.get("/healthz")["plugins_quarantined"] == []
    environ = {**os.environ, "DUCTILE_CONFIG_DIR": str(gateway.folder)}
    checked = subprocess.run(
        [ductile, "config", "check", "--json"], env=environ, capture_output=True, check=True, cwd="/"
    )
    found = yaml.safe_load(checked.stdout)
    assert (found["problems"], found["warnings"]) == ([], 0)
    assert {"echo", "fetch", "py-greet"} <= set(found["plugins"])


def test_all_that_ships_is_found_and_can_be_configured(gateway: Gateway) -> None:
    names = sorted(path.parent.name for path in PLUGINS.glob("*/manifest.yaml"))
    gateway.configure(plugin_roots=["bundled"], plugins={name: {"enabled": name == "echo"} for name in names})
    gateway.start()
    assert [one["name"] for one in gateway.get("/plugins")["plugins"]] == ["echo"]
