"""Who holds an address, as /proc tells it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ductile.http.edge.listen_address import cannot_listen, unix_socket
from ductile.http.edge.port_holder import tcp_holder, unix_holder
from ductile.http.errors import CannotListen

LISTENER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_the_process_that_listens_is_named() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        port = int(other.stdout.readline())
        holder = tcp_holder("127.0.0.1", port)
        assert holder is not None
        assert holder.pid == other.pid
        assert sys.executable in holder.command
        assert tcp_holder("127.0.0.2", port) is None
        told = cannot_listen(f"127.0.0.1:{port}", OSError(98, "in use")).message
        assert f"process {other.pid} (" in told
        assert f"kill {other.pid}" in told
        assert "--listen" in told
        other.communicate()


@pytest.mark.parametrize(("bound", "asked"), [("127.0.0.1", "localhost"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1")])
def test_an_address_is_held_by_who_listens_at_it_or_at_all(bound: str, asked: str) -> None:
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.create_server((bound, 0), family=family) as server:
        for host in (asked, None):
            holder = tcp_holder(host, server.getsockname()[1])
            assert holder is not None
            assert holder.pid == os.getpid()


def test_the_owner_of_a_unix_socket_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a b.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        holder = unix_holder(path)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(CannotListen, match=f"another process listens there: process {os.getpid()} "):
            unix_socket(f"unix:{path}")
    assert unix_holder(tmp_path / "none") is None


def test_of_a_process_that_cannot_be_seen_the_user_is_told(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    row = " 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1234        0 77 1 x"
    (tmp_path / "net/tcp").write_text(f"head\n{row}\n")
    (tmp_path / "12").mkdir()
    assert "user 1234" in str(tcp_holder("127.0.0.1", 8080, tmp_path))
    assert tcp_holder("127.0.0.1", 8081, tmp_path) is None
    assert tcp_holder("127.0.0.1", 8080, tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("number", "told"), [(13, "CAP_NET_BIND_SERVICE"), (99, "No interface"), (1, "Listen elsewhere")]
)
def test_every_other_refusal_says_what_to_do(number: int, told: str) -> None:
    assert told in cannot_listen("192.0.2.1:80", OSError(number, os.strerror(number))).message
