"""Who calls, where proxies stand between: the nearest address that no trusted proxy has."""

import pytest

from ductile.http.client_address import client_address
from ductile.model.proxies import Proxies, parse_network

INNER = Proxies(networks=(parse_network("10.0.0.0/8"), parse_network("fd00::/8")))


def seen(peer: str, *forwarded_for: str, forwarded: tuple[str, ...] = (), proxies: Proxies = INNER) -> str:
    return client_address(peer, forwarded_for, forwarded, proxies)


def test_a_header_of_nobody_we_trust_is_no_evidence() -> None:
    assert seen("198.51.100.7", "203.0.113.9") == "198.51.100.7"
    assert seen("10.0.0.1", "203.0.113.9", proxies=Proxies()) == "10.0.0.1"
    assert seen("198.51.100.7", forwarded=("for=203.0.113.9",)) == "198.51.100.7"


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        (("203.0.113.9",), "203.0.113.9"),
        (("1.1.1.1, 203.0.113.9",), "203.0.113.9"),
        (("1.1.1.1", "203.0.113.9, 10.9.9.9"), "203.0.113.9"),
        (("10.1.1.1, 10.2.2.2",), "10.1.1.1"),
        (("203.0.113.9:4711",), "203.0.113.9"),
        (("[2001:DB8::9]:4711",), "2001:db8::9"),
        (("2001:db8::9, fd00::2",), "2001:db8::9"),
        (("::ffff:203.0.113.9",), "203.0.113.9"),
        (("203.0.113.9, unknown",), "10.0.0.1"),
        (("203.0.113.9, ",), "10.0.0.1"),
        (("203.0.113.9, not-an-address, 10.3.3.3",), "10.3.3.3"),
        ((), "10.0.0.1"),
    ],
)
def test_the_last_hop_that_is_no_proxy_is_the_client(fields: tuple[str, ...], client: str) -> None:
    assert seen("10.0.0.1", *fields) == client


@pytest.mark.parametrize(
    ("field", "client"),
    [
        ("for=203.0.113.9;proto=https", "203.0.113.9"),
        ('For="[2001:db8::9]:47011"', "2001:db8::9"),
        ('for=1.1.1.1, for="203.0.113.9:80";by=10.0.0.1', "203.0.113.9"),
        ('for="a,b", proto=https;for=203.0.113.9', "203.0.113.9"),
        ("for=203.0.113.9, for=_hidden", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ],
)
def test_forwarded_is_read_as_its_standard_says(field: str, client: str) -> None:
    assert seen("10.0.0.1", forwarded=(field,)) == client


def test_two_headers_that_differ_are_believed_neither() -> None:
    assert seen("10.0.0.1", "203.0.113.9", forwarded=("for=203.0.113.9",)) == "203.0.113.9"
    assert seen("10.0.0.1", "203.0.113.9", forwarded=("for=192.0.2.1",)) == "10.0.0.1"


def test_a_unix_socket_is_a_proxy_only_where_that_is_said() -> None:
    assert seen("", "203.0.113.9") == "unix"
    assert seen("", "203.0.113.9", proxies=Proxies(unix=True)) == "203.0.113.9"
    assert seen("10.0.0.1", "203.0.113.9", proxies=Proxies(unix=True)) == "10.0.0.1"


def test_an_ipv4_peer_on_an_ipv6_socket_is_the_same_address() -> None:
    assert seen("::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert seen("::ffff:198.51.100.7") == "198.51.100.7"
