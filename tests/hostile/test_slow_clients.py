"""Clients that read nothing, send slowly, follow and wait for ever lock nobody out, and memory is bounded."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway import TOKEN, Gateway

NARROW = "test-token-of-a-narrow-one"
SHELL = """#!/bin/sh
read -r request
case "$request" in *'"slow":'*) sleep 60;; esac
echo '{"status": "ok", "result": "done"}'
"""
MOST = 40


@pytest.fixture
def running(gateway: Gateway) -> Gateway:
    gateway.plugin("shell", SHELL)
    gateway.configure(
        api={
            "max_connections": MOST,
            "write_timeout": "2s",
            "header_timeout": "1s",
            "body_timeout": "2s",
            "auth": {
                "tokens": [
                    {"name": "admin", "token": TOKEN, "scopes": ["*"]},
                    {"name": "narrow", "token": NARROW, "scopes": ["plugin:rw", "jobs:ro", "events:ro"]},
                ]
            },
        }
    )
    return gateway.start()


@contextlib.contextmanager
def connections(gateway: Gateway, n: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many, each of which sends this and reads nothing."""
    opened = []
    try:
        for _ in range(n):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(gateway.address)
            one.settimeout(0)
            with contextlib.suppress(OSError):
                one.send(sent)
            opened.append(one)
        yield opened
    finally:
        for one in opened:
            one.close()


def answers(gateway: Gateway, *, within: float = 10.0) -> None:
    """A probe and an operator are answered, each on a connection of its own."""
    for path in ("/livez", "/healthz", "/readyz", "/jobs"):
        began = time.monotonic()
        assert gateway.call("GET", path, timeout=within).status == 200
        assert time.monotonic() - began < within
    assert gateway.post("/plugin/shell/handle", {"payload": {}}, timeout=within).status == 202


def closed(one: socket.socket) -> bool:
    """Whether the gateway has closed it; what it has sent is read away."""
    try:
        while one.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def memory(gateway: Gateway) -> int:
    """Resident bytes of the gateway."""
    assert gateway.process is not None
    return int(Path(f"/proc/{gateway.process.pid}/statm").read_text().split()[1]) * 4096


def test_clients_that_pipeline_and_read_nothing_lock_nobody_out(running: Gateway) -> None:
    before = memory(running)
    with connections(running, 300, b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 200):
        answers(running)
        assert memory(running) - before < 300 * 500_000  # requests that were read ahead, and an answer that waits
        running.until(lambda: any(line["message"] == "connections.slow_reader" for line in running.log))
        answers(running)


def test_a_client_that_reads_nothing_is_cut_off_after_the_write_timeout(running: Gateway) -> None:
    with connections(running, 1, b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 2000) as (stuck,):
        running.until(lambda: any(line["message"] == "connections.slow_reader" for line in running.log))
        running.until(lambda: closed(stuck))
    assert running.get("/livez") == {"status": "ok"}


def test_a_client_that_reads_slowly_but_steadily_is_served(running: Gateway) -> None:
    with connections(
        running,
        1,
        b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
        b"Connection: close\r\n\r\n" % TOKEN.encode(),
    ) as (slow,):
        slow.settimeout(10)
        got = bytearray()
        while part := slow.recv(8192):
            got += part
            time.sleep(0.05)
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    assert len(body) == int(length.split(b":")[1])


def test_slow_heads_and_slow_bodies_lock_nobody_out(running: Gateway) -> None:
    body = (
        b"POST /plugin/shell/handle HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Authorization: Bearer %s\r\n\r\n{" % NARROW.encode()
    )
    with connections(running, MOST, b"GET /livez HT") as heads, connections(running, MOST, body) as bodies:
        answers(running)
        running.until(lambda: all(closed(one) for one in [*heads, *bodies]))
    answers(running)


def test_a_body_that_does_not_come_is_told_which_setting_says_so(running: Gateway) -> None:
    with contextlib.closing(http.client.HTTPConnection(*running.address, timeout=10)) as client:
        client.putrequest("POST", "/plugin/shell/handle")
        client.putheader("Authorization", f"Bearer {NARROW}")
        client.putheader("Content-Length", "10")
        client.endheaders(b"{")
        response = client.getresponse()
        assert response.status == 408
        assert b"api.body_timeout" in response.read()


def test_streams_of_one_principal_are_limited(running: Gateway) -> None:
    running.configure(api={"max_streams_per_principal": 3})
    assert running.post("/system/reload").status == 200
    sent = b"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
    with connections(running, 3, sent % NARROW.encode()):
        running.until(lambda: "ductile_event_followers 3" in running.call("GET", "/metrics").raw.decode())
        refused = running.call("GET", "/events", token=NARROW)
        assert (refused.status, refused.body["error"]) == (429, "too_many_streams")
        assert "api.max_streams_per_principal" in refused.body["message"]
        assert int(refused.headers["retry-after"]) > 0
        with connections(running, 1, sent % TOKEN.encode()):
            running.until(lambda: "ductile_event_followers 4" in running.call("GET", "/metrics").raw.decode())
        answers(running)


def test_waits_of_one_narrow_token_leave_places_for_others(running: Gateway) -> None:
    body = b'{"payload": {"slow": true}}'
    sent = (
        b"POST /plugin/shell/handle?wait=60 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nAuthorization: Bearer %s\r\n\r\n%s" % (len(body), NARROW.encode(), body)
    )
    with connections(running, 10, sent):
        running.until(lambda: running.get("/jobs?limit=1")["total"] >= 5)
        refused = running.post("/plugin/shell/handle?wait=5", {"payload": {}}, token=NARROW)
        assert (refused.status, refused.body["error"]) == (429, "too_many_waits")
        assert "api.max_waits_per_principal" in refused.body["message"]
        assert running.post("/plugin/shell/handle?wait=0.1", {"payload": {}}).status in {200, 202}
        answers(running)


def test_an_address_has_its_share_of_the_connections(running: Gateway) -> None:
    running.configure(api={"max_connections_per_address": 5})
    assert running.post("/system/reload").status == 200
    with connections(running, 12, b"GET /livez HT") as many:
        running.until(lambda: sum(closed(one) for one in many) >= 5)
        answers(running)
    assert any(
        (line["message"], line.get("setting")) == ("connections.full", "api.max_connections_per_address")
        for line in running.log
    )


def test_clients_behind_a_trusted_proxy_have_a_share_each(running: Gateway) -> None:
    running.configure(api={"max_connections_per_address": 5, "trusted_proxies": ["127.0.0.0/8"], "body_timeout": "1m"})
    assert running.post("/system/reload").status == 200
    sent = (
        b"POST /plugin/shell/handle HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"X-Forwarded-For: %s\r\nAuthorization: Bearer %s\r\n\r\n{"
    )
    greedy, modest = (sent % (address, NARROW.encode()) for address in (b"203.0.113.9", b"203.0.113.10"))
    with connections(running, 3, modest) as few, connections(running, 12, greedy) as many:
        running.until(lambda: sum(closed(one) for one in many) >= 4)
        assert not any(closed(one) for one in few)
        answers(running)
    assert any(
        (line["message"], line.get("setting"), line.get("address"))
        == ("connections.full", "api.max_connections_per_address", "203.0.113.9")
        for line in running.log
    )
    running.until(lambda: running.get("/livez") == {"status": "ok"})


def test_all_of_an_ipv6_network_behind_a_proxy_is_one_client(running: Gateway) -> None:
    running.configure(api={"max_connections_per_address": 5, "trusted_proxies": ["127.0.0.0/8"], "body_timeout": "1m"})
    assert running.post("/system/reload").status == 200
    sent = (
        b"POST /plugin/shell/handle HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"X-Forwarded-For: 2001:db8::%d\r\nAuthorization: Bearer %s\r\n\r\n{"
    )
    with contextlib.ExitStack() as opened:
        heads = [sent % (n, NARROW.encode()) for n in range(1, 13)]
        many = [one for head in heads for one in opened.enter_context(connections(running, 1, head))]
        running.until(lambda: sum(closed(one) for one in many) >= 4)
        answers(running)
    assert any(line.get("address") == "2001:db8::/64" for line in running.log)


def test_a_client_cannot_escape_its_share_by_what_it_says_of_itself(running: Gateway) -> None:
    running.configure(api={"max_connections_per_address": 5, "body_timeout": "1m"})
    assert running.post("/system/reload").status == 200
    with contextlib.ExitStack() as opened:
        heads = [b"GET /livez HTTP/1.1\r\nX-Forwarded-For: 203.0.113.%d" % n for n in range(12)]
        many = [one for head in heads for one in opened.enter_context(connections(running, 1, head))]
        running.until(lambda: sum(closed(one) for one in many) >= 4)
        answers(running)
