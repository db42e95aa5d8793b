"""Runs the plugin as the gateway does, against an HTTP and an SMTP server of its own on the loopback interface."""

import base64
import http.server
import json
import os
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PLUGIN = Path(__file__).parent / "run.py"
JOB = "01a20184-f418-71c8-95c2-e9ac3d64d95f"
TOKEN = "bearer-token-of-the-pager"
PASSWORD = "password-of-the-mailbox"
SECRET_PATH = "services/T000/B000/xyzzy-plugh-1234"
HOOK = {
    "job_id": "01a20184-0000-71c8-95c2-e9ac3d64d95f",
    "plugin": "backup",
    "command": "poll",
    "status": "dead",
    "attempt": 4,
    "duration_ms": 1200,
    "message": "Job failed [backup]: disk <full> & gone",
    "text": "Job failed [backup]: disk <full> & gone",
    "error": "disk <full> & gone",
}


def call(request: dict[str, Any], code: int = 0) -> dict[str, Any]:
    environ = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    whole = {"protocol": 2, "job_id": JOB, **request}
    ended = subprocess.run(
        [PLUGIN], input=json.dumps(whole).encode(), capture_output=True, check=False, timeout=30, env=environ
    )
    assert (ended.returncode, ended.stderr) == (code, b"")
    for secret in (TOKEN, PASSWORD, SECRET_PATH):
        assert secret.encode() not in ended.stdout
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def hook(config: dict[str, Any], payload: dict[str, Any] | None = None, code: int = 0, **more: Any) -> dict[str, Any]:
    """What `handle` answers to a failed job."""
    event = {"type": "job.failed", "payload": {**HOOK, **(payload or {})}, "source": "backup"}
    return call({"command": "handle", "config": config, "event": event, "payload": event["payload"], **more}, code)


class Web:
    """An HTTP server that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"ok")
        self.released = threading.Event()
        self.hangs = False
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.got.append((self.path, headers, json.loads(body)))
                if web.hangs:
                    web.released.wait(20)
                    return
                status, sent, text = web.answer
                self.send_response_only(status)
                for name, value in {**sent, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                web.got.append((self.path, {}, None))
                self.send_response_only(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    one = Web()
    with serving(one.server):
        yield one
        one.released.set()


def pager(web: Web, **more: Any) -> dict[str, Any]:
    return {"http": {"url": f"{web.url}/alert", "bearer_token": TOKEN, **more}}


def chat(web: Web) -> dict[str, Any]:
    return {"slack": {"webhook_url": f"{web.url}/{SECRET_PATH}"}}


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail. `replies` are by command, or by the recipient's address; all others are what is usual."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.port = self.server_address[1]
        self.context = context
        self.tls_at_once = False
        self.replies: dict[str, str] = {}
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        self.logins: list[tuple[str, bool]] = []
        """What came with AUTH, and whether the connection was encrypted."""

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate ends the handshake, and that is what is tested."""


class MailSession(socketserver.StreamRequestHandler):
    server: MailServer
    encrypted = False

    def handle(self) -> None:
        if self.server.tls_at_once:
            self.encrypt()
        self.sender, self.recipients = "", list[str]()
        self.say(self.server.replies.get("greeting", "220 ready"))
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            reply = self.server.replies.get(verb.upper())
            if verb.upper() == "QUIT" or reply == "drop":
                return
            answer = getattr(self, f"on_{verb.lower()}", None)
            self.say((answer(rest, reply) if answer else None) or reply or "250 ok")

    def on_ehlo(self, _: str, __: str | None) -> str:
        tls = "" if self.encrypted or self.server.context is None else "250-STARTTLS\r\n"
        return f"250-here\r\n{tls}250 AUTH PLAIN"

    def on_starttls(self, _: str, __: str | None) -> str:
        self.say("220 go on")
        self.encrypt()
        self.rfile.readline()  # EHLO, once more
        return self.on_ehlo("", None)

    def on_auth(self, rest: str, reply: str | None) -> str:
        self.server.logins.append((base64.b64decode(rest.rsplit(maxsplit=1)[-1]).decode(), self.encrypted))
        return reply or "235 welcome"

    def on_mail(self, rest: str, _: str | None) -> None:
        self.sender = rest

    def on_rcpt(self, rest: str, _: str | None) -> str | None:
        address = rest.partition("<")[2].partition(">")[0]
        refusal = self.server.replies.get(address)
        self.recipients += [] if refusal else [address]
        return refusal

    def on_data(self, _: str, reply: str | None) -> None:
        self.say("354 go on")
        mail = self.until_dot()
        if reply is None:
            parsed = message_from_bytes(mail, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            self.server.mails.append((self.sender, list(self.recipients), parsed))

    def until_dot(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def encrypt(self) -> None:
        assert self.server.context is not None
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.encrypted = True
        self.rfile = self.request.makefile("rb")
        self.wfile = self.request.makefile("wb", 0)

    def finish(self) -> None:
        super().finish()
        self.request.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(pem)
    return path


@pytest.fixture
def mail(certificate: Path) -> Iterator[MailServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = MailServer(context)
    with serving(server):
        yield server


def mailbox(server: MailServer, **more: Any) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": server.port, "security": "none", "from": "Ductile <ductile@example.org>"}
    return {"smtp": {**where, "to": ["ops@example.org", "Zoë <zoe@example.org>"], **more}}


def test_slack_gets_the_alert_escaped(web: Web) -> None:
    response = hook(chat(web))
    assert response == {"status": "ok", "result": {"channel": "slack", "status_code": 200}, "logs": []}
    [(path, headers, body)] = web.got
    assert path == f"/{SECRET_PATH}"
    assert headers["content-type"] == "application/json"
    assert body == {
        "text": "*backup poll: dead*\nJob failed [backup]: disk &lt;full&gt; &amp; gone\n"
        f"job {HOOK['job_id']} · attempt 4"
    }


def test_nothing_in_a_text_mentions_anybody_in_slack(web: Web) -> None:
    call({"command": "slack", "config": chat(web), "payload": {"title": "<!here>", "text": "<!channel> <@U1> &lt;"}})
    assert web.got[0][2] == {"text": "*&lt;!here&gt;*\n&lt;!channel&gt; &lt;@U1&gt; &amp;lt;"}


def test_http_gets_all_that_is_known_and_the_bearer(web: Web) -> None:
    response = hook(pager(web, headers={"X-Team": "night-shift"}))
    assert response["result"] == {"channel": "http", "status_code": 200}
    [(path, headers, body)] = web.got
    assert (path, headers["authorization"], headers["x-team"]) == ("/alert", f"Bearer {TOKEN}", "night-shift")
    assert headers["idempotency-key"] == JOB, "the same for each attempt of the job"
    assert (body["title"], body["event"], body["payload"]) == ("backup poll: dead", "job.failed", HOOK)
    assert body["text"].startswith(HOOK["text"])


def test_a_body_of_the_payload_is_posted_as_it_is(web: Web) -> None:
    call({"command": "http", "config": pager(web), "payload": {"text": "x", "body": {"content": "<b> ☃"}}})
    assert web.got[0][2] == {"content": "<b> ☃"}
    refused = call({"command": "http", "config": pager(web), "payload": {"body": {"content": "x" * 1_100_000}}})
    assert (refused["retry"], len(web.got)) == (False, 1)
    assert "larger than 1048576 bytes" in refused["error"]


def test_a_payload_without_text_is_told_as_json(web: Web) -> None:
    event = {"type": "disk.low", "payload": {"free": 3}}
    call({"command": "handle", "config": chat(web), "event": event})
    assert web.got[0][2] == {"text": '*disk.low*\n{\n  "free": 3\n}'}
    call({"command": "slack", "config": chat(web), "payload": {"text": 5, "title": ["a"]}})
    assert web.got[1][2] == {"text": '*["a"]*\n5'}
    call({"command": "slack", "config": chat(web)})
    assert web.got[2][2] == {"text": "*Notification*\n{}"}


def test_a_long_text_keeps_its_head_and_its_tail(web: Web) -> None:
    long = f"begin {'x' * 50_000} the reason"
    hook({**chat(web), "max_text_chars": 400}, {"text": long, "title": "t" * 500})
    title, _, text = web.got[0][2]["text"].partition("\n")
    assert len(title) == 202
    assert title.endswith("…*")
    assert len(text) <= 400
    assert text.startswith("begin xxx")
    assert "characters left out" in text
    hook({**pager(web), "max_text_chars": 400}, {"text": long, "error": long, "deep": [{"a": long}]})
    body = web.got[1][2]
    assert all(len(one) <= 400 for one in (body["text"], body["payload"]["error"], body["payload"]["deep"][0]["a"]))
    assert body["payload"]["error"].endswith("the reason")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(web: Web, status: int) -> None:
    web.answer = (status, {"Retry-After": "17"}, b"busy\n now")
    response = hook(chat(web))
    assert (response["status"], response["retry"]) == ("error", True)
    assert response["error"] == f"127.0.0.1:{web.port} answered {status} (Retry-After: 17): busy now"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_will_not_pass_is_not_tried_again(web: Web, status: int) -> None:
    web.answer = (status, {}, b"no_service")
    response = hook(chat(web))
    assert response == {
        "status": "error",
        "error": f"127.0.0.1:{web.port} answered {status}: no_service",
        "retry": False,
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(web: Web, status: int) -> None:
    other = Web()
    with serving(other.server):
        web.answer = (status, {"Location": f"{other.url}/{SECRET_PATH}?token={TOKEN}"}, b"")
        response = hook(pager(web))
        assert (response["status"], response["retry"]) == ("error", False)
        assert "a redirect to http://127.0.0.1, which is not followed" in response["error"]
        assert other.got == []


def test_an_answer_that_repeats_secrets_is_masked(web: Web) -> None:
    web.answer = (400, {}, f"unknown token {TOKEN} at /alert".encode())
    assert hook(pager(web))["error"].endswith("unknown token [REDACTED] at /alert")
    web.answer = (404, {}, f"no such webhook /{SECRET_PATH}".encode())
    assert hook(chat(web))["error"].endswith("no such webhook /[REDACTED]")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_connection_that_fails_is_tried_again() -> None:
    port = free_port()
    for url in (f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/"):
        response = hook({"http": {"url": url}})
        assert (response["status"], response["retry"]) == ("error", True), url
        assert "the connection to " in response["error"]
    response = hook({"smtp": {"host": "127.0.0.1", "port": port, "from": "a@b", "to": "c@d"}})
    assert (response["status"], response["retry"]) == ("error", True)


def test_a_server_that_hangs_costs_no_more_than_the_time_limit(web: Web) -> None:
    web.hangs = True
    response = hook({**pager(web), "timeout_seconds": 0.3})
    assert (response["status"], response["retry"]) == ("error", True)
    soon = (datetime.now(UTC) + timedelta(seconds=1.4)).isoformat().replace("+00:00", "Z")
    response = hook(pager(web), deadline_at=soon)
    assert "it could not be sent within 0." in response["error"]


def test_a_certificate_that_is_not_trusted_ends_it(mail: MailServer) -> None:
    mail.tls_at_once = True
    response = hook({"http": {"url": f"https://127.0.0.1:{mail.port}/"}})
    assert (response["status"], response["retry"]) == ("error", False)
    assert f"the certificate of 127.0.0.1:{mail.port} is not trusted" in response["error"]
    response = hook({"http": {"url": f"https://127.0.0.1:{mail.port}/", "ca_file": "/no/such.pem"}}, code=78)
    assert "the ca_file /no/such.pem cannot be read" in response["error"]


def test_mail_arrives_with_subject_text_and_an_id_of_the_job(mail: MailServer) -> None:
    response = hook(mailbox(mail))
    assert response == {"status": "ok", "result": {"channel": "smtp", "refused": []}, "logs": []}
    [(sender, recipients, got)] = mail.mails
    assert sender.startswith("FROM:<ductile@example.org>")
    assert recipients == ["ops@example.org", "zoe@example.org"]
    assert (got["Subject"], got["Message-ID"]) == ("backup poll: dead", f"<{JOB}@ductile>")
    assert (got["To"], got["Auto-Submitted"]) == ("ops@example.org, Zoë <zoe@example.org>", "auto-generated")
    assert got.get_content() == f"{HOOK['text']}\njob {HOOK['job_id']} · attempt 4\n"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls(mail: MailServer, certificate: Path, security: str) -> None:
    mail.tls_at_once = security == "tls"
    account = {"user": "ductile", "password": PASSWORD, "security": security}
    refused = hook(mailbox(mail, **account))
    assert (refused["retry"], mail.logins) == (False, [])
    assert "is not trusted" in refused["error"]
    assert hook(mailbox(mail, **account, ca_file=str(certificate)))["status"] == "ok"
    assert mail.logins == [(f"\0ductile\0{PASSWORD}", True)]
    assert len(mail.mails) == 1


def test_a_server_without_starttls_gets_no_mail(mail: MailServer) -> None:
    mail.context = None
    response = hook(mailbox(mail, security="starttls", user="ductile", password=PASSWORD))
    assert (response["retry"], mail.logins, mail.mails) == (False, [], [])
    assert "STARTTLS" in response["error"]


@pytest.mark.parametrize(
    ("replies", "retry"),
    [
        ({"greeting": "421 too busy"}, True),
        ({"greeting": "554 go away"}, False),
        ({"AUTH": "535 wrong password"}, False),
        ({"AUTH": "454 not now"}, True),
        ({"MAIL": "451 not now"}, True),
        ({"MAIL": "550 no such sender"}, False),
        ({"DATA": "452 the disk is full"}, True),
        ({"DATA": "554 spam"}, False),
        ({"ops@example.org": "550 unknown", "zoe@example.org": "550 unknown"}, False),
        ({"ops@example.org": "550 unknown", "zoe@example.org": "450 greylisted"}, True),
        ({"MAIL": "drop"}, True),
    ],
)
def test_what_a_mail_server_refuses_for_now_is_tried_again(
    mail: MailServer, certificate: Path, replies: dict[str, str], *, retry: bool
) -> None:
    mail.replies = replies
    account = {"user": "ductile", "password": PASSWORD, "security": "starttls", "ca_file": str(certificate)}
    response = hook(mailbox(mail, **account))
    assert (response["status"], response["retry"], mail.mails) == ("error", retry, [])
    said = next(iter(replies.values())).partition(" ")[0]
    assert said in response["error"] or said in ("drop", "550")


def test_a_recipient_who_is_refused_keeps_nobody_else_from_the_mail(mail: MailServer) -> None:
    mail.replies = {"ops@example.org": "550 unknown"}
    response = hook(mailbox(mail))
    assert response["result"] == {"channel": "smtp", "refused": ["ops@example.org"]}
    assert "ops@example.org" in response["logs"][0]["message"]
    assert mail.mails[0][1] == ["zoe@example.org"]


def test_a_line_break_in_a_title_begins_no_header(mail: MailServer) -> None:
    title = "down\r\nBcc: eve@example.org\n\nbody\u2028x"
    assert hook(mailbox(mail), {"title": title, "text": "one\r\ntwo\rthree\x00"})["status"] == "ok"
    [(_, recipients, got)] = mail.mails
    assert (got["Subject"], got["Bcc"]) == ("down Bcc: eve@example.org body x", None)
    assert "eve@example.org" not in recipients
    assert got.get_content().startswith("one\ntwo\nthree�\n")


NO_SERVER = {"host": "127.0.0.1", "from": "a@example.org", "to": "b@example.org"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "needs one of `http`, `slack`, `smtp`"),
        ({"htpp": {}}, "unknown keys: htpp"),
        ({"http": "x"}, "config.http must be a map"),
        ({"http": {"url": "http://h/", "method": "GET"}}, "config.http has unknown keys: method"),
        ({"http": {}}, "config.http.url must be text"),
        ({"http": {"url": "file:///etc/passwd"}}, "must be an http or https URL"),
        ({"http": {"url": "ftp://h/"}}, "must be an http or https URL"),
        ({"http": {"url": "http:///x"}}, "must be an http or https URL"),
        ({"http": {"url": "http://h:99999/"}}, "must be an http or https URL"),
        ({"http": {"url": "http://h/a b"}}, "must be an http or https URL"),
        ({"http": {"url": "http://h/\r\nX: y"}}, "must not hold line breaks"),
        ({"http": {"url": f"http://me:{PASSWORD}@h/"}}, "must not hold a user or password"),
        (
            {"http": {"url": "http://h/", "headers": {"X-A": "b\r\nX-C: d"}}},
            "config.http.headers.X-A must not hold line",
        ),
        ({"http": {"url": "http://h/", "headers": {"X-A\r\nX-C": "d"}}}, "a name that HTTP does not allow"),
        ({"http": {"url": "http://h/", "headers": {"Host": "evil"}}}, "must not hold Host"),
        ({"http": {"url": "http://h/", "headers": {"X-A": "é"}}}, "ASCII characters alone"),
        ({"http": {"url": "http://h/", "headers": {"X-A": "b", "x-a": "c"}}}, "has x-a twice"),
        ({"http": {"url": "http://h/", "bearer_token": "a\nb"}}, "bearer_token must not hold line breaks"),
        ({"http": {"url": "http://h/", "bearer_token": "a", "headers": {"authorization": "b"}}}, "give one of them"),
        ({"http": {"url": f"http://{'a' * 70}.example/"}}, "is no host name"),
        ({"slack": {"webhook_url": "slack.com/x"}}, "config.slack.webhook_url must be an http or https URL"),
        ({"slack": {"webhook_url": "http://h/"}, "channel": "smtp"}, "one that is configured: slack"),
        ({"slack": {"webhook_url": "http://h/"}, "http": {"url": "http://h/"}}, "config.channel must say"),
        ({"slack": {"webhook_url": "http://h/"}, "timeout_seconds": 0}, "timeout_seconds must be a number"),
        ({"slack": {"webhook_url": "http://h/"}, "timeout_seconds": True}, "timeout_seconds must be a number"),
        ({"slack": {"webhook_url": "http://h/"}, "max_text_chars": 200.5}, "must be a whole number"),
        ({"smtp": {**NO_SERVER, "from": "me"}}, "config.smtp.from must be an address"),
        ({"smtp": {**NO_SERVER, "to": "a@b, c@d"}}, "config.smtp.to must be an address"),
        ({"smtp": {**NO_SERVER, "to": ["a@b\nBcc: c@d"]}}, "config.smtp.to must not hold line breaks"),
        ({"smtp": {**NO_SERVER, "to": []}}, "must list 1 to 50 addresses"),
        ({"smtp": {**NO_SERVER, "port": 0}}, "config.smtp.port must be a number"),
        ({"smtp": {**NO_SERVER, "security": "ssl3"}}, "must be one of starttls, tls, none"),
        ({"smtp": {**NO_SERVER, "user": "me"}}, "user and password together"),
        (
            {"smtp": {**NO_SERVER, "host": "mail.example.org", "security": "none", "user": "me", "password": PASSWORD}},
            "must be starttls or tls where there is a password",
        ),
    ],
)
def test_a_wrong_configuration_is_told_and_never_tried_again(config: dict[str, Any], told: str) -> None:
    response = hook(config, code=78)
    assert (response["status"], response["retry"]) == ("error", False)
    assert told in response["error"]


def test_a_channel_is_chosen_where_there_are_several(web: Web) -> None:
    both = {**chat(web), **pager(web), "channel": "http"}
    assert hook(both)["result"]["channel"] == "http"
    assert call({"command": "slack", "config": both, "payload": {"text": "x"}})["result"]["channel"] == "slack"
    missing = call({"command": "smtp", "config": both, "payload": {"text": "x"}}, code=78)
    assert missing["error"] == "config.smtp is missing"


def test_health_asks_nobody(web: Web) -> None:
    assert call({"command": "health", "config": pager(web)}) == {"status": "ok", "result": "healthy"}
    assert web.got == []
    assert "needs one of" in call({"command": "health"}, code=78)["error"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"protocol": 3}, "speaks protocol 2, not 3"),
        ({"command": "fax"}, "knows the commands handle, http, slack, smtp, health"),
        ({"config": []}, "`config` of the request must be an object"),
        ({"config": ["x"]}, "`config` of the request must be an object"),
        ({"event": "x"}, "`event` of the request must be an object"),
        ({"payload": [1]}, "the payload must be an object"),
        ({"payload": {"body": "x"}}, "payload.body must be an object"),
    ],
)
def test_a_request_of_a_wrong_shape_is_refused(web: Web, change: dict[str, Any], told: str) -> None:
    request = {"command": "http", "config": pager(web), "payload": {"text": "x"}, **change}
    code = 78 if request["config"] == [] else 0
    response = call(request, code)
    assert (response["status"], response["retry"]) == ("error", False)
    assert told in response["error"] or code == 78


def test_a_request_that_is_no_json_is_told() -> None:
    ended = subprocess.run([PLUGIN], input=b"{", capture_output=True, check=False, timeout=20)
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert json.loads(ended.stdout)["error"].startswith("the request is not JSON")
