"""Words to the service manager."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ductile.observe.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The address as the environment has it, and the socket that listens there."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.settimeout(10)
    if request.param == "path":
        address = str(tmp_path / "notify")
        listener.bind(address)
    else:
        name = f"ductile-test-{tmp_path.name}-{id(listener)}"
        address = f"@{name}"
        listener.bind(f"\0{name}")
    yield address, listener
    listener.close()


def test_each_word_is_one_datagram_of_lines(manager: tuple[str, socket.socket]) -> None:
    address, listener = manager
    notifier = Notifier({"NOTIFY_SOCKET": address}, 7)
    notifier.send(READY=1, STATUS="Serving")
    notifier.send(STOPPING=1)
    assert listener.recv(4096) == b"READY=1\nSTATUS=Serving"
    assert listener.recv(4096) == b"STOPPING=1"


def test_where_no_service_manager_is_nothing_is_said() -> None:
    with capture_logs() as logs:
        Notifier({}, 7).send(READY=1)
    assert logs == []


@pytest.mark.parametrize("address", ["/nowhere/at/all", "@nobody-listens-here", "vsock:2:1", "x" * 500, "a\0b"])
def test_where_nobody_listens_is_said_once_and_harms_nothing(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address}, 7)
    with capture_logs() as logs:
        notifier.send(READY=1)
        notifier.send(WATCHDOG=1)
    assert [line["event"] for line in logs] == ["the service manager cannot be told"]


def test_one_that_reads_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}, 7)
        with capture_logs() as logs:
            for _ in range(10_000):
                notifier.send(WATCHDOG=1)
    assert len(logs) == 1


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "7"}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "8"}, None),
        ({}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_signs_of_life_are_wanted_from_the_process_that_is_named(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/x", **environ}, 7).watchdog_seconds == seconds


def test_without_a_socket_there_is_nobody_to_give_signs_of_life_to() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000"}, 7).watchdog_seconds is None
