"""Fetches from servers on the loopback interface, and tries every way around the rules."""

import gzip
import http.server
import importlib.util
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent
PLUGIN = FOLDER / "run.py"


@pytest.fixture(scope="module", name="plugin")
def _plugin() -> Iterator[ModuleType]:
    """The plugin as a module: what a name resolves to can be told it."""
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("fetch_run", PLUGIN)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))


class Server:
    """Answers by path; remembers what it was asked."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.close_connection = True
                server.answers[self.path](self)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that goes away is what some tests are about."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def at(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str) -> str:
        """Answer so at a path; the URL."""
        data = body.encode() if isinstance(body, str) else body
        sent = {"content_type": "text/html; charset=utf-8", "content_length": str(len(data)), **headers}

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response_only(status)
            for name, value in sent.items():
                if value:
                    handler.send_header(name.replace("_", "-").title(), value)
            handler.end_headers()
            handler.wfile.write(data)

        return self.by(path, answer)

    def by(self, path: str, answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> str:
        self.answers[path] = answer
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def ask(plugin: ModuleType, server: Server) -> Callable[..., dict[str, Any]]:
    """One request to the plugin, which may ask the test's server."""

    def ask(url: Any, wanted: str | None = None, code: int = 0, **config: Any) -> dict[str, Any]:
        payload = {"url": url, **({"output_format": wanted} if wanted else {})}
        rules = {"allow_private": ["127.0.0.1/32"], "ports": [server.port], **config}
        request = {"command": "handle", "config": rules, "event": {"type": "x", "payload": payload}}
        response, ended = plugin.respond(json.dumps(request).encode())
        assert ended == code, response
        return dict(response)

    return ask


def told(response: dict[str, Any]) -> dict[str, Any]:
    assert response["status"] == "ok", response
    (event,) = response["events"]
    assert event["type"] == "fetch.completed"
    payload: dict[str, Any] = event["payload"]
    return payload


def refused(response: dict[str, Any], *, retry: bool = False) -> str:
    assert (response["status"], response["retry"]) == ("error", retry), response
    for event in response.get("events", []):
        assert event["type"] == "fetch.failed"
        assert event["payload"]["retry"] is retry
    reason: str = response["error"]
    return reason


Ask = Callable[..., dict[str, Any]]

# What is fetched.


def test_a_page_comes_as_html_text_or_markdown(ask: Ask, server: Server) -> None:
    page = "<html><head><title>A &amp; B</title></head><body><h1>Hi</h1><p>See <a href='/x'>this</a>.</p>"
    url = server.at("/", page)
    html, text, markdown = (told(ask(url, wanted)) for wanted in ("html", "text", "markdown"))
    assert (html["content"], html["output_format"], html["status_code"]) == (page, "html", 200)
    assert (text["content"], text["title"]) == ("Hi\n\nSee this.", "A & B")
    assert markdown["content"] == f"# Hi\n\nSee [this](http://127.0.0.1:{server.port}/x)."
    assert markdown["content_length"] == len(markdown["content"])


def test_the_configured_format_counts_where_the_payload_names_none(ask: Ask, server: Server) -> None:
    assert told(ask(server.at("/", "<b>x</b>"), output_format="markdown"))["content"] == "**x**"


def test_text_that_is_no_html_comes_as_it_is(ask: Ask, server: Server) -> None:
    for kind in ("application/json", "text/plain", "application/ld+json", "application/rss+xml"):
        found = told(ask(server.at("/j", '{"<a>": 1}', content_type=kind), "markdown"))
        assert (found["content"], found["output_format"]) == ('{"<a>": 1}', "text")


def test_markdown_that_the_server_makes_is_taken_with_its_count(ask: Ask, server: Server) -> None:
    url = server.at("/", "# Hi", content_type="text/markdown; charset=utf-8", x_markdown_tokens="12")
    found = told(ask(url, "markdown"))
    assert (found["content"], found["output_format"], found["markdown_tokens"]) == ("# Hi", "markdown", 12)
    assert server.asked[0][1]["accept"].startswith("text/markdown")
    server.at("/", "# Hi", content_type="text/markdown", x_markdown_tokens="-1e9")
    assert "markdown_tokens" not in told(ask(url, "markdown"))


def test_what_is_no_text_is_refused(ask: Ask, server: Server) -> None:
    assert "image/png, not text" in refused(ask(server.at("/", b"\x89PNG", content_type="image/png")))
    assert "binary" in refused(ask(server.at("/", b"a\0b", content_type="")))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("é".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("é".encode("latin-1"), "text/html"),
        (b'<meta charset="windows-1252">\xe9', "text/html"),
        (b'<meta http-equiv=content-type content="text/html; charset=latin1">\xe9', "text/html"),
        ("é".encode(), "text/html"),
        ("é".encode(), "text/html; charset=rot13"),
        ("é".encode(), "text/html; charset=punycode"),
        ("é".encode("utf-8-sig"), "text/html; charset=latin-1"),
        ("é".encode("utf-16"), "text/html"),
        (b'<meta charset="utf-16">\xc3\xa9', "text/html"),
        (b'<?xml version="1.0" encoding="utf-8"?><p>\xc3\xa9', "application/xhtml+xml"),
    ],
)
def test_the_charset_is_found(ask: Ask, server: Server, body: bytes, kind: str) -> None:
    assert told(ask(server.at("/", body, content_type=kind), "text"))["content"] == "é"


def test_packed_answers_are_unpacked(ask: Ask, server: Server) -> None:
    text = b"<p>" + b"word " * 5000
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text[:99]) + gzip.compress(text[99:]),
        "deflate": zlib.compress(text),
        "Deflate": raw.compress(text) + raw.flush(),
    }
    for encoding, body in packed.items():
        assert told(ask(server.at("/", body, content_encoding=encoding)))["content"].encode() == text
    assert "not asked for" in refused(ask(server.at("/", b"x", content_encoding="br")))


def test_an_answer_that_is_too_large_is_not_read_to_its_end(ask: Ask, server: Server) -> None:
    bomb = gzip.compress(b"\0" * 60_000_000)
    assert "max_response_bytes" in refused(ask(server.at("/bomb", bomb, content_encoding="gzip")))
    assert "max_response_bytes" in refused(ask(server.at("/long", b"x" * 2001), max_response_bytes=2000))
    assert told(ask(server.at("/fits", b"x" * 2000), max_response_bytes=2000))["content_length"] == 2000

    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    assert "max_response_bytes" in refused(ask(server.by("/endless", endless)))


def test_half_an_answer_is_none_and_may_be_tried_again(ask: Ask, server: Server) -> None:
    refused(ask(server.at("/short", b"half", content_length="10")), retry=True)
    refused(ask(server.at("/packed", gzip.compress(b"whole")[:-6], content_encoding="gzip")), retry=True)
    refused(ask(server.at("/damaged", b"not packed", content_encoding="gzip")), retry=True)


# What the server says of itself.


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        (400, False),
        (401, False),
        (404, False),
        (410, False),
        (408, True),
        (425, True),
        (429, True),
        (500, True),
        (503, True),
    ],
)
def test_a_status_says_whether_another_try_may_help(ask: Ask, server: Server, status: int, *, retry: bool) -> None:
    response = ask(server.at("/", "x" * 9_000_000, status))
    assert refused(response, retry=retry) == f"HTTP {status}"
    assert response["events"][0]["payload"]["status_code"] == status


def test_what_the_server_asks_to_wait_is_noted(ask: Ask, server: Server) -> None:
    response = ask(server.at("/", "", 429, retry_after="120"))
    assert refused(response, retry=True) == "HTTP 429; the server asks to wait 120 s"
    assert response["events"][0]["payload"]["retry_after_seconds"] == 120
    dated = ask(server.at("/", "", 503, retry_after="Fri, 01 Jan 1999 00:00:00 GMT"))
    assert dated["events"][0]["payload"]["retry_after_seconds"] == 0
    odd = ask(server.at("/", "", 503, retry_after="soon"))
    assert "retry_after_seconds" not in odd["events"][0]["payload"]


def test_a_server_that_is_not_there_or_speaks_no_http_may_be_tried_again(ask: Ask, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "no connection" in refused(ask(f"http://127.0.0.1:{port}/", ports=[port]), retry=True)

    def greet(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-x\r\n" * 9)

    url = server.by("/", greet)
    assert "does not answer as HTTP" in refused(ask(url), retry=True)


def test_a_server_that_drips_does_not_hold_the_job_beyond_its_time(plugin: ModuleType, server: Server) -> None:
    done = threading.Event()

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not done.wait(0.05):
            handler.wfile.write(b"x")

    url = server.by("/", drip)
    config = {"allow_private": True, "ports": [server.port], "timeout_seconds": 0.3}
    begun = time.monotonic()
    request = {"command": "handle", "config": config, "payload": {"url": url}}
    response, _ = plugin.respond(json.dumps(request).encode())
    done.set()
    assert refused(response, retry=True)
    assert time.monotonic() - begun < 5
    late = {**request, "deadline_at": "2020-01-01T00:00:00.000Z"}
    assert refused(plugin.respond(json.dumps(late).encode())[0], retry=True)


# Redirects.


def test_a_redirect_is_an_error_unless_it_may_be_followed(ask: Ask, server: Server) -> None:
    server.at("/b?x=%C3%A9", "there")
    url = server.at("/a", "", 302, location="/b?x=é".encode().decode("latin-1"))
    assert "config.follow_redirects" in refused(ask(url))
    found = told(ask(url, follow_redirects=True))
    assert (found["content"], found["url"]) == ("there", url)
    assert found["final_url"].endswith("/b?x=%C3%A9")


def test_redirects_end_somewhere(ask: Ask, server: Server) -> None:
    url = server.at("/", "", 301, location="/")
    assert "more than 3 redirects" in refused(ask(url, follow_redirects=True, max_redirects=3))
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/secret",
        "http://[::1]:{port}/secret",
        "//169.254.169.254:{port}/latest/meta-data/",
        "http://localhost:22/",
        "http://user@127.0.0.1:{port}/secret",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://0x7f000001:{port}/secret",
        "http://127.1:{port}/secret",
        "http://[",
    ],
)
def test_each_hop_obeys_the_rules(ask: Ask, server: Server, location: str) -> None:
    server.at("/secret", "secret")
    url = server.at("/", "", 307, location=location.format(port=server.port))
    refused(ask(url, follow_redirects=True))
    assert [path for path, _ in server.asked if path == "/secret"] == []


# Where nobody may go.

SPECIAL = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.127.255.254", "169.254.169.254", "169.254.0.1", "168.63.129.16", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1:2:3:4:5:6", "2001:db8::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%1", "febf::1", "fec0::1", "ff02::1", "100::1", "5f00::1",
]  # fmt: skip
ORDINARY = [
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "64:ff9b::101:101",
    "2002:101:101::1",
    "100.63.0.1",
    "172.32.0.1",
]


def rules(**config: Any) -> Any:
    import fetch_rules  # noqa: PLC0415 - importable once the plugin is

    return fetch_rules.rules(config)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("address", SPECIAL)
def test_a_name_that_leads_to_a_special_address_is_refused(address: str) -> None:
    import fetch_rules  # noqa: PLC0415

    for found in ([address], ["93.184.216.34", address]):
        with pytest.raises(fetch_rules.Refused):
            rules().check("example.org", found)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("address", ORDINARY)
def test_an_address_of_the_internet_is_allowed(address: str) -> None:
    assert rules().check("example.org", [address, address]) == [address]


@pytest.mark.usefixtures("plugin")
def test_allow_private_opens_private_addresses_and_never_the_metadata_of_a_cloud() -> None:
    import fetch_rules  # noqa: PLC0415

    opened = rules(allow_private=True)
    for address in ("127.0.0.1", "10.0.0.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"):
        assert opened.check("x", [address]) == [address]
    for address in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "::", "fe80::1"):
        with pytest.raises(fetch_rules.Refused):
            opened.check("x", [address])
    listed = rules(allow_private=["10.1.0.0/16", "169.254.7.0/24"])
    assert listed.check("x", ["10.1.2.3", "::ffff:10.1.2.3", "169.254.7.1"])
    for address in ("10.2.0.1", "127.0.0.1", "169.254.169.254"):
        with pytest.raises(fetch_rules.Refused):
            listed.check("x", [address])


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "0",
        "0x",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[fe80::1%25lo]",
        "①②⑦.⓪.⓪.①",
        "\uff11\uff12\uff17.0.0.1",
        "127。0。0。1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a@127.0.0.1",
        "a:b@127.0.0.1",
        "@127.0.0.1",
        "127.0.0.1#@example.org",
        "127.0.0.1:80@example.org",
        "exa mple.org",
        "example.org\\@127.0.0.1",
        "[::1",
        "a..b",
        "-a.org",
        "x" * 64,
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "127.0.0.1:+80",
        "a.b:c",
        "",
    ],
)
def test_no_spelling_of_this_machine_is_reached(ask: Ask, server: Server, host: str) -> None:
    server.at("/", "secret")
    port = "" if ":" in host.rpartition("]")[2] else f":{server.port}"
    refused(ask(f"http://{host}{port}/", allow_private=False))
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        5,
        ["http://example.org"],
        "example.org",
        "//example.org/",
        "http:/example.org",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.org/",
        "http://example.org:22/",
        "http://example.org/\r\nHost: x",
        "http://e.org/\0",
        "http://e.org/\ud800",
        "http://" + "a" * 9000,
    ],
)
def test_what_is_no_url_of_the_web_is_refused(ask: Ask, url: Any) -> None:
    refused(ask(url, ports=[80, 443]))


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(plugin: ModuleType, server: Server) -> None:
    """A name that leads elsewhere at the second look-up is looked up once."""
    import fetch_http  # noqa: PLC0415
    import fetch_rules  # noqa: PLC0415

    server.at("/", "rebound")
    answers = iter([["127.0.0.1"], ["127.0.0.9"]])
    limits = fetch_http.Limits(end=time.monotonic() + 9, max_bytes=99, max_redirects=0)
    client = fetch_http.Client(
        rules=rules(allow_private=["127.0.0.1"], ports=[server.port]), limits=limits, look_up=lambda *_: next(answers)
    )
    assert client.get(f"http://rebound.example:{server.port}/", {}).body == b"rebound"
    assert server.asked[0][1]["host"] == f"rebound.example:{server.port}"
    with pytest.raises(fetch_rules.Refused, match=r"127\.0\.0\.9"):
        client.get(f"http://rebound.example:{server.port}/", {})
    assert len(server.asked) == 1
    assert plugin


def test_proxy_settings_of_the_environment_do_not_count(
    ask: Ask, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Server()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert told(ask(server.at("/", "direct")))["content"] == "direct"
    assert proxy.asked == []
    proxy.close()


@pytest.mark.parametrize(
    ("host", "config", "allowed"),
    [
        ("example.org", {"allowed_hosts": ["example.org"]}, True),
        ("EXAMPLE.org.", {"allowed_hosts": ["Example.ORG"]}, True),
        ("sub.example.org", {"allowed_hosts": ["example.org"]}, False),
        ("sub.example.org", {"allowed_hosts": ["*.example.org"]}, True),
        ("example.org", {"allowed_hosts": ["*.example.org"]}, False),
        ("example.org", {"allowed_hosts": [".example.org"]}, True),
        ("a.b.example.org", {"allowed_hosts": [".example.org"]}, True),
        ("badexample.org", {"allowed_hosts": [".example.org"]}, False),
        ("example.org.evil.com", {"allowed_hosts": [".example.org"]}, False),
        ("example.org", {"denied_hosts": ["*"]}, False),
        ("example.org", {"allowed_hosts": ["*"], "denied_hosts": [".org"]}, False),
        ("bücher.example", {"allowed_hosts": ["xn--bcher-kva.example"]}, True),
        ("xn--bcher-kva.example", {"denied_hosts": ["bücher.example"]}, False),
        ("[2606:4700:0::1111]", {"allowed_hosts": ["2606:4700::1111"]}, True),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_hosts_are_allowed_and_denied_by_pattern(host: str, config: dict[str, Any], *, allowed: bool) -> None:
    import fetch_rules  # noqa: PLC0415

    if allowed:
        assert rules(**config).target(f"https://{host}/").port == 443
    else:
        with pytest.raises(fetch_rules.Refused):
            rules(**config).target(f"https://{host}/")


def test_a_host_that_is_allowed_by_name_is_still_checked_by_address(ask: Ask, server: Server) -> None:
    server.at("/", "secret")
    url = f"http://localhost:{server.port}/"
    assert "config.allow_private" in refused(ask(url, allow_private=False, allowed_hosts=["localhost"]))
    assert told(ask(url, allow_private=True, allowed_hosts=["localhost"]))["content"] == "secret"


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost`, with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            path,
            "-out",
            f"{path}.crt",
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_the_certificate_must_be_trusted_and_of_the_host(ask: Ask, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(context)
    server.at("/", "safe")
    config = {"ports": [server.port], "ca_file": f"{certificate}.crt"}
    assert told(ask(f"https://localhost:{server.port}/", **config))["content"] == "safe"
    assert "not trusted" in refused(ask(f"https://127.0.0.1:{server.port}/", **config))
    assert "not trusted" in refused(ask(f"https://localhost:{server.port}/", ports=[server.port]))
    refused(ask(f"http://localhost:{server.port}/", **config), retry=True)
    server.close()


# Polling.


class Watch:
    """An instance whose state is kept from poll to poll."""

    def __init__(self, plugin: ModuleType, server: Server, urls: list[str]) -> None:
        self.plugin = plugin
        self.config = {"allow_private": True, "ports": [server.port], "urls": urls}
        self.state: dict[str, Any] = {}

    def poll(self) -> dict[str, Any]:
        request = {"command": "poll", "config": self.config, "state": self.state, "instance": "news"}
        response, code = self.plugin.respond(json.dumps(request).encode())
        assert code == 0
        self.state = response.get("state_updates", self.state)
        return dict(response)

    def events(self) -> list[tuple[str, str]]:
        found = self.poll()["events"]
        return [(event["type"].removeprefix("fetch."), event["payload"]["url"].rpartition("/")[2]) for event in found]


def test_a_poll_tells_each_change_once(plugin: ModuleType, server: Server) -> None:
    watch = Watch(plugin, server, [server.at("/a", "one"), server.at("/b", "two")])
    assert watch.events() == [("completed", "a"), ("completed", "b")]
    assert watch.events() == []
    server.at("/a", "new")
    first = watch.poll()
    assert [event["payload"]["content"] for event in first["events"]] == ["new"]
    server.at("/a", "one")
    keys = {first["events"][0]["dedupe_key"], watch.poll()["events"][0]["dedupe_key"]}
    server.at("/a", "new")
    assert len(keys | {watch.poll()["events"][0]["dedupe_key"]}) == 3


def test_a_repeated_poll_has_the_same_keys(plugin: ModuleType, server: Server) -> None:
    watch = Watch(plugin, server, [server.at("/a", "one")])
    before, first = watch.state, watch.poll()
    watch.state = before
    assert [event["dedupe_key"] for event in watch.poll()["events"]] == [e["dedupe_key"] for e in first["events"]]


def test_a_poll_asks_only_for_what_is_new(plugin: ModuleType, server: Server) -> None:
    url = server.at("/a", "one", etag='"v1"', last_modified="Fri, 01 Jan 1999 00:00:00 GMT")
    watch = Watch(plugin, server, [url])
    assert watch.events() == [("completed", "a")]
    server.at("/a", "", 304, content_length="")
    assert watch.events() == []
    sent = server.asked[1][1]
    assert (sent["if-none-match"], sent["if-modified-since"]) == ('"v1"', "Fri, 01 Jan 1999 00:00:00 GMT")


def test_a_page_that_fails_is_told_once_until_it_is_back(plugin: ModuleType, server: Server) -> None:
    watch = Watch(plugin, server, [server.at("/a", "x"), server.at("/b", "gone", 404)])
    assert watch.events() == [("completed", "a"), ("failed", "b")]
    response = watch.poll()
    assert (response["status"], response["events"]) == ("ok", [])
    assert response["result"]["failed"][0]["error"] == "HTTP 404"
    server.at("/b", "back")
    assert watch.events() == [("completed", "b")]
    server.at("/b", "", 500)
    assert watch.events() == [("failed", "b")]


def test_a_poll_fails_where_every_page_does(plugin: ModuleType, server: Server) -> None:
    assert refused(Watch(plugin, server, [server.at("/a", "", 404)]).poll()) == "no page could be fetched: HTTP 404"
    response = Watch(plugin, server, [server.at("/a", "", 404), server.at("/b", "", 503)]).poll()
    assert (response["status"], response["retry"], len(response["events"])) == ("error", True, 2)


# The plugin as the gateway runs it.


def call(request: Any, code: int = 0, cwd: Path | None = None) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run(
        [sys.executable, PLUGIN], input=stdin, capture_output=True, check=False, timeout=30, cwd=cwd, env={**os.environ}
    )
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def test_it_runs_as_a_program(server: Server, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    config = {"allow_private": True, "ports": [server.port]}
    payload: dict[str, Any] = {"url": server.at("/", "☃ é"), "more": 1}
    request = {"command": "handle", "config": config, "event": {"payload": payload}, "unknown": 5}
    assert told(call(request, cwd=tmp_path))["content"] == "☃ é"
    assert call({"command": "health", "config": config})["result"] == "healthy"


def test_a_page_made_to_take_long_ends_with_an_error_in_time(server: Server) -> None:
    url = server.at("/", "<a" * 300_000)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    config = {"allow_private": True, "ports": [server.port], "output_format": "text"}
    response = call({"command": "handle", "config": config, "payload": {"url": url}, "deadline_at": soon})
    assert "in time" in refused(response)


REQUESTS: list[Any] = [{"command": "dance"}, {"command": ["handle"]}, {}, [], "x", 5, None]
REQUESTS += [{"command": "handle", "payload": payload} for payload in (None, [], {}, {"url": None}, {"url": ["x"]})]
REQUESTS += [{"command": "handle", "event": event} for event in (None, 5, {}, {"payload": 5})]


def test_a_bad_request_is_a_permanent_error(plugin: ModuleType) -> None:
    for request in REQUESTS:
        response, code = plugin.respond(json.dumps(request).encode())
        assert code == 0
        refused(response)
    for stdin in (b"", b"{", b"\xff", b"[" * 100_000):
        response, code = plugin.respond(stdin)
        assert code == 1
        refused(response)


@pytest.mark.parametrize(
    "config",
    [
        5,
        [1],
        {"schemes": []},
        {"schemes": ["file"]},
        {"ports": []},
        {"ports": [0]},
        {"ports": "80"},
        {"allowed_hosts": "x"},
        {"allowed_hosts": ["http://x"]},
        {"allowed_hosts": ["a b"]},
        {"denied_hosts": ["127.1"]},
        {"allow_private": 5},
        {"allow_private": ["10.0.0.1/8"]},
        {"allow_private": [5]},
        {"allow_private": "x"},
        {"follow_redirects": "yes"},
        {"max_redirects": 0},
        {"timeout_seconds": 0},
        {"timeout_seconds": True},
        {"max_response_bytes": 9_000_000},
        {"output_format": "pdf"},
        {"user_agent": "a\r\nb"},
        {"user_agent": ""},
        {"ca_file": "/none"},
        {"urls": "x"},
        {"urls": [5]},
        {"urls": ["http://127.0.0.1:1/"]},
    ],
)
def test_a_wrong_configuration_ends_with_78(plugin: ModuleType, config: Any) -> None:
    response, code = plugin.respond(json.dumps({"command": "health", "config": config}).encode())
    assert code == 78
    assert "config" in refused(response)


def test_a_poll_of_nothing_is_a_configuration_failure(plugin: ModuleType) -> None:
    assert plugin.respond(b'{"command": "poll"}')[1] == 78


# Reading pages.


@pytest.fixture
def markdown(plugin: ModuleType) -> Callable[[str], str]:
    def read(html: str) -> str:
        return str(plugin.read(html, "http://example.org/d/", markdown=True).content)

    return read


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<h1>a</h1>b<h6>c<br>d</h6>", "# a\n\nb\n\n###### c d"),
        ("<p>a<p>b", "a\n\nb"),
        ("a<br>b<br><br>c", "a\\\nb\n\nc"),
        ("<p>a <b> b </b>c<i></i>", "a **b** c"),
        (
            "<a href='x y'>a <b>b</b></a> <a href='//o.org/(1)'>c</a>",
            "[a **b**](http://example.org/d/x%20y) [c](http://o.org/%281%29)",
        ),
        ("<a href='javascript:x'>a</a><a href='#b'>b</a><a href='http://['>c</a><a>d</a>", "abcd"),
        ("<a href='/x'><h2>head</h2><p>text</p></a>", "## head\n\ntext"),
        ("<base href='/o/'><a href='x'>a</a>", "[a](http://example.org/o/x)"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", "- a\n- b\n  - c"),
        ("<ol start=9><li>a<li>b</ol>", "9. a\n10. b"),
        ("<ol><li><p>a<p>b</ol>", "1. a\n\n   b"),
        ("<ul><li>a</li><ul><li>b</ul></ul>", "- a\n  - b"),
        ("<blockquote>a<blockquote>b", "> a\n>\n> > b"),
        ("<pre>  a\n\n\n&lt;b&gt;\n</pre>", "```\n  a\n\n\n<b>\n```"),
        ("<pre><code class='x language-js'>`a`\n```</code></pre>", "````js\n`a`\n```\n````"),
        ("<code>a``b</code> <code>`</code>", "```a``b``` `` ` ``"),
        ("<table><tr><th>a<th>b|<tr><td>1<br>2<td><b>c</b></table>", "| a | b\\| |\n| --- | --- |\n| 1 2 | **c** |"),
        ("<table><tr><td><table><tr><td>a<td>b</table></table>", "| a | b |\n| --- | --- |"),
        ("<table><tr><td>only<tr><td>column</table>", "only\n\ncolumn"),
        ("<img src=a.png alt='x ]'><img src=b.png><img alt=c>", "![x \\]](http://example.org/d/a.png)c"),
        ("<p>*a* _b_ c_d [e] &lt;f> `g` \\ &amp;amp;", "\\*a\\* \\_b\\_ c_d \\[e\\] \\<f> \\`g\\` \\\\ \\&amp;"),
        ("<p># a<p>1. b<p>- c<p>> d<p>---<p>2026 e", "\\# a\n\n1\\. b\n\n\\- c\n\n\\> d\n\n\\---\n\n2026 e"),
        ("<script>a</script><style>b</style><nav>c</nav><noscript>d</noscript><template>e</template>f<!-- g -->", "f"),
        ("<p hidden>a<p aria-hidden=true>b<div role=navigation>c</div>d", "d"),
        ("<header>top</header><main>a</main><footer>b</footer>", "a"),
        ("a<aside>b</aside><footer>c</footer>", "a"),
        ("<footer>all there is</footer>", "all there is"),
        ("<head><title>t</title><p>not in the head", "not in the head"),
        ("&eacute;&#233;&#xe9;&nope;&#xD800;", "ééé\\&nope;\N{REPLACEMENT CHARACTER}"),
        ("<![foo a]]><![CDATA[b]]><?c?><!d>e<", "be\\<"),
        ("a\x00b\u200bc\u00add", "abcd"),
        ("</p></div>a</b></table>b", "ab"),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "a\n\n- b\n\nc\n\n- d"),
        ("<hr>", "---"),
        ("", ""),
    ],
)
def test_html_becomes_markdown(markdown: Callable[[str], str], html: str, wanted: str) -> None:
    assert markdown(html) == wanted


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 20_000,
        "<ul><li>x" * 10_000,
        "<blockquote>x" * 10_000,
        "<b>x" * 10_000,
        "<table><tr><td>x" * 10_000,
        "<ul><ol><li><dd><blockquote><pre><table><tr><td><a><h1>x" * 1000,
        "</div>" * 20_000,
        "<" * 10_000,
        "&" * 20_000,
        "<!--" * 500,
    ],
)
def test_broken_pages_are_read_and_grow_little(markdown: Callable[[str], str], html: str) -> None:
    assert len(markdown(html)) < 12 * len(html)


def test_a_page_of_too_many_elements_is_refused(ask: Ask, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fetch_tree.MOST_ELEMENTS", 100)
    assert told(ask(server.at("/", "<b>" * 100), "text"))
    assert "elements" in refused(ask(server.at("/", "<b>" * 101), "text"))
