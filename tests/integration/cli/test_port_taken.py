"""A gateway that cannot listen says who is in the way, and `--listen` takes another address."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.gateway import Gateway


def start(gateway: Gateway, *options: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "ductile", "system", "start", "--config-dir", str(gateway.folder), *options],
        env=inherited,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_who_listens_there_is_named(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        gateway.configure(api={"listen": f"127.0.0.1:{port}"})
        process = start(gateway)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"127.0.0.1:{port}" in out
    assert f"process {os.getpid()} (" in out
    assert "--listen" in out


def test_another_address_is_taken_in_its_place(gateway: Gateway, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        gateway.configure(api={"listen": f"127.0.0.1:{server.getsockname()[1]}"})
        process = start(gateway, "--listen", "127.0.0.1:0", "--listen", f"unix:{tmp_path}/g.sock")
        assert process.stdout
        seen = ""
        while seen.count("listening") < 2:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"unix:{tmp_path}/g.sock" in seen


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:99999", "unix:"])
def test_what_is_no_address_is_refused(gateway: Gateway, address: str) -> None:
    gateway.configure()
    process = start(gateway, "--listen", address)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--listen must be `host:port` or `unix:/path`" in out
