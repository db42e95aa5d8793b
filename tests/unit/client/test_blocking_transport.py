"""Calls that block: what http.client makes of a gateway, a proxy before it, and of what is neither."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ductile.client import Client, Refused, Unreachable
from ductile.client.blocking_transport import is_plain_url, result_of

Told = list[str]
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
EMPTY = JSON + b'Content-Length: 23\r\n\r\n{"jobs": [], "total":0}'


class Server:
    """Answers each connection with the next bytes, closes it, and keeps what came."""

    def __init__(self, listener: socket.socket, answers: list[bytes | None]) -> None:
        self.listener = listener
        self.answers = answers
        self.came: list[str] = []
        self.held: list[socket.socket] = []
        named = listener.family is not socket.AF_UNIX
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}" if named else ""

    def serve(self) -> None:
        for answer in self.answers:
            connection, _ = self.listener.accept()
            self.came.append(received(connection))
            if answer is None:
                self.held.append(connection)  # it never answers
                continue
            connection.sendall(answer)
            connection.close()


def received(connection: socket.socket) -> str:
    """A request's head, and its body by its length."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65536)
    head, _, body = text.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


@contextmanager
def server(*answers: bytes | None, listener: socket.socket | None = None) -> Iterator[Server]:
    made = Server(listener or socket.create_server(("127.0.0.1", 0)), list(answers))
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        thread.join(10)
        for one in (made.listener, *made.held):
            one.close()


def redirect(status: int, location: str) -> bytes:
    return f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def jobs(url: str, token: str | None = "secret", told: Callable[[str], None] = lambda _: None, **filters: Any) -> Any:
    return result_of(Client.blocking(url, token, told).jobs(**filters))


def test_a_call_is_one_request_with_its_credential_and_its_query() -> None:
    told: Told = []
    with server(EMPTY.replace(b"OK\r\n", b"OK\r\nX-Request-Id: r1\r\n")) as there:
        found = jobs(f"{there.url}/tools/", "secret-ü", told.append, status=["dead", "failed"], from_="a b&c")
        assert found["total"] == 0
    head = there.came[0].split("\r\n")
    target = "/tools/jobs?status=dead&status=failed&from=a+b%26c"
    assert head[0] == f"GET {target} HTTP/1.1"
    assert {"Authorization: Bearer secret-ü", "Accept: */*"} <= set(head)
    assert re.fullmatch(rf"GET {re.escape(there.url + target)}: 200 in \d+ ms, request r1", told[0])


def test_chunks_and_answers_without_a_length_are_read_to_their_end() -> None:
    chunked = JSON + b'Transfer-Encoding: chunked\r\n\r\nb\r\n{"jobs": []\r\nc\r\n, "total":0}\r\n0\r\n\r\n'
    with server(chunked, JSON + b'\r\n{"jobs": [], "total": 1}') as there:
        assert (jobs(there.url)["total"], jobs(there.url)["total"]) == (0, 1)


def test_redirects_are_followed_and_a_credential_stays_at_its_origin() -> None:
    with server(EMPTY) as other, server(redirect(307, "/there?a=1"), redirect(302, f"{other.url}/x")) as there:
        assert jobs(there.url)["total"] == 0
    assert [one.split("\r\n")[0] for one in there.came] == ["GET /jobs HTTP/1.1", "GET /there?a=1 HTTP/1.1"]
    assert all("Bearer secret" in one for one in there.came)
    assert "secret" not in other.came[0]


def test_a_redirected_post_is_sent_again_only_where_that_is_asked_for() -> None:
    accepted = JSON + b'\r\n{"job_id":"j","status":"queued"}'
    with server(redirect(308, "/again"), redirect(303, "/seen"), accepted) as there:
        result_of(Client.blocking(there.url, None).trigger("echo", "poll", {"a": 1}))
    lines = [(one.split("\r\n")[0], one.partition("\r\n\r\n")[2]) for one in there.came]
    body = '{"payload":{"a":1}}'
    first, again, seen = lines
    assert (first, again) == (("POST /plugin/echo/poll HTTP/1.1", body), ("POST /again HTTP/1.1", body))
    assert seen == ("GET /seen HTTP/1.1", "")


def test_redirects_without_an_end_are_an_error() -> None:
    with server(*[redirect(302, "/jobs")] * 11) as there, pytest.raises(Unreachable, match="more than 10 redirects"):
        jobs(there.url)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed connection without response"),
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0"),
        (JSON + b"Content-Length: 50\r\n\r\n{", "IncompleteRead"),
        (redirect(302, "ftp://elsewhere/x"), "ftp://elsewhere/x is no http"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(answer: bytes, reason: str) -> None:
    with server(answer) as there, pytest.raises(Unreachable, match=reason):
        jobs(there.url)


def test_a_gateway_that_does_not_answer_is_given_up_in_time() -> None:
    told: Told = []
    with server(None) as there, pytest.raises(Unreachable, match=r"no answer within 0\.05 s"):
        result_of(Client.blocking(there.url, None, told.append, limit=0.05).health())
    assert told
    assert told[0].startswith(f"GET {there.url}/healthz: ")


def test_an_answer_that_comes_byte_by_byte_has_the_same_time() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        received(connection)
        with connection:
            while not over.wait(0.01):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unreachable, match="no answer within"):
        result_of(Client.blocking(url, None, limit=0.2).health())
    over.set()
    thread.join(10)
    listener.close()


def test_a_refusal_before_the_body_was_sent_is_told() -> None:
    """The gateway answers a body that is too large by its length, and reads no more of it."""
    refusal = b'{"error": "too_large", "message": "The body is too large."}'
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n" % len(refusal) + refusal)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass

    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    client = Client.blocking(f"http://127.0.0.1:{listener.getsockname()[1]}", None)
    with pytest.raises(Refused, match="too large"):
        result_of(client.trigger("echo", "poll", {"a": "x" * 1_000_000}))
    thread.join(10)
    listener.close()


def test_a_unix_socket_is_called_as_localhost(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "api.sock"))
    listener.listen()
    with server(redirect(307, "/there"), EMPTY, listener=listener) as there:
        assert jobs(f"unix:{tmp_path}/api.sock")["total"] == 0
    assert "Host: localhost" in there.came[0].split("\r\n")
    assert there.came[1].startswith("GET /there ")


def test_https_is_verified() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def plain() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")

        thread = threading.Thread(target=plain, daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match=r"(?i)wrong.version.number|record layer"):
            jobs(f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread.join(10)
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("url", "plain"),
    [("http://h:1/x", True), ("unix:/x y", True), ("http://u:p@h", False), ("http://h?a", False), ("http://ü", False)],
)
def test_urls_that_need_more_than_http_client_are_known(url: str, *, plain: bool) -> None:
    assert is_plain_url(url) is plain


def test_work_that_waits_for_a_loop_is_refused() -> None:
    class Forever:
        def __await__(self) -> Iterator[None]:
            yield

    async def waits() -> None:
        await Forever()

    with pytest.raises(RuntimeError, match="event loop"):
        result_of(waits())
    with pytest.raises(TypeError, match="no streams"):
        Client.blocking("http://h", None).following()
