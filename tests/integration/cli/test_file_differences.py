"""Commands say so when the files and the running gateway differ: another address, another token."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.gateway import TOKEN, Gateway

NEW = "test-token-after-the-rotation"


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def ductile(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    command = [sys.executable, "-m", "ductile.cli.main", *words, "--config-dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=kept, timeout=60, check=False)


def admin(token: str) -> dict[str, object]:
    return {"auth": {"tokens": [{"name": "admin", "token": token, "scopes": ["*"]}]}}


@pytest.fixture
def running_gateway(gateway: Gateway) -> Gateway:
    gateway.configure(api={"listen": free_address()})
    return gateway.start()


@pytest.mark.parametrize("words", [("system", "reload"), ("job", "list"), ("plugin", "list")])
def test_another_address_in_the_files_is_told_with_the_one_that_works(
    running_gateway: Gateway, words: tuple[str, ...]
) -> None:
    assert running_gateway.process is not None
    actual, files = running_gateway.config["api"]["listen"], free_address()
    running_gateway.configure(api={"listen": files})
    ended = ductile(running_gateway.folder, *words)
    assert ended.returncode != 0
    for said in (
        f"http://{files}",
        f"http://{actual}",
        f"process {running_gateway.process.pid}",
        f"--url http://{actual}",
    ):
        assert said in ended.stderr
    assert "cannot be reached" not in ended.stderr
    there = ductile(running_gateway.folder, "job", "list", "--url", f"http://{actual}")
    assert there.returncode == 0, there.stderr


def test_another_token_in_the_files_is_told_and_the_advice_works(running_gateway: Gateway) -> None:
    assert running_gateway.process is not None
    running_gateway.configure(api=admin(NEW))
    ended = ductile(running_gateway.folder, "system", "reload")
    assert "have other tokens" in ended.stderr
    assert f"kill -HUP {running_gateway.process.pid}" in ended.stderr
    assert ductile(running_gateway.folder, "job", "list", "--token", "no-such-token").stderr.count("other tokens") == 0
    os.kill(running_gateway.process.pid, signal.SIGHUP)
    running_gateway.until(lambda: running_gateway.call("GET", "/jobs", token=NEW).status == 200)
    assert ductile(running_gateway.folder, "system", "reload").returncode == 0


def test_a_gateway_of_another_configuration_is_told_as_that(running_gateway: Gateway, tmp_path: Path) -> None:
    other = Gateway(tmp_path / "other")
    other.configure(api={"listen": running_gateway.config["api"]["listen"], **admin(NEW)})
    ended = ductile(other.folder, "job", "list")
    assert "No gateway of this configuration runs, so that one belongs to another" in ended.stderr


def test_where_nothing_runs_it_cannot_be_reached(running_gateway: Gateway) -> None:
    record = running_gateway.folder / "state.db.gateway"
    assert record.stat().st_mode & 0o077 == 0
    assert TOKEN not in record.read_text()
    running_gateway.stop()
    assert not record.exists()
    running_gateway.configure(api={"listen": free_address()})
    assert "cannot be reached" in ductile(running_gateway.folder, "job", "list").stderr
    running_gateway.start().kill()
    assert record.exists(), "a kill leaves it"
    running_gateway.configure(api={"listen": free_address()})
    assert "cannot be reached" in ductile(running_gateway.folder, "job", "list").stderr
