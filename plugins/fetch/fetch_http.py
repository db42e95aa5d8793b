"""One HTTP GET over a connection to an address that the rules have allowed, within one deadline.

No library looks the name up again, follows a redirect or reads proxy settings here.
"""

import http.client
import io
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from fetch_rules import KEPT, Refused, Rules, Target

CHUNK = 65_536
REDIRECTS = {301, 302, 303, 307, 308}
MAX_LOCATION = 8192
MOST_ADDRESSES = 4
"""Addresses of a host that are tried, one after the other."""

Resolve = Callable[[str, int], list[str]]


class Failed(Exception):
    """Nothing came, or not all of it; another try may help."""


class TooLate(Failed):
    """The time is over."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the last hop answered."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one fetch may take."""

    end: float
    """Of `time.monotonic()`."""
    max_bytes: int
    """Of the body, as sent and unpacked."""
    max_redirects: int
    """0: a redirect is an answer like any other."""

    def left(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TooLate("the time is over")
        return left


def resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Wire(io.RawIOBase):
    """A socket's bytes, each read bound by what is left of the time."""

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        super().__init__()
        self.connection = connection
        self.limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.connection.settimeout(self.limits.left())
        return self.connection.recv_into(buffer)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self, CHUNK)


def secured(connection: socket.socket, target: Target, ca_file: Path | None) -> socket.socket:
    """TLS where the scheme asks for it; the certificate must be of the host that the URL names."""
    if target.scheme == "http":
        return connection
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    try:
        return context.wrap_socket(connection, server_hostname=target.host)
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"the certificate of {target.authority} is not trusted: {error.verify_message}") from None


def exchange(target: Target, headers: Mapping[str, str], connection: socket.socket, limits: Limits) -> Page:
    lines = [f"GET {target.path} HTTP/1.1", f"Host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.settimeout(limits.left())
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    response = http.client.HTTPResponse(Wire(connection, limits), method="GET")  # type: ignore[arg-type]  # all it needs
    response.begin()
    body = b"".join(unpacked(response, limits)) if succeeded(response.status) else b""
    return Page(url=target.url, status=response.status, headers=response.msg, body=body)


def succeeded(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - the class of statuses that HTTP gives to success


def unpacked(response: http.client.HTTPResponse, limits: Limits) -> Iterator[bytes]:
    """The body without its content encoding; Refused as soon as it is larger than allowed."""
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding in ("", "identity"):
        unpack: Unpack = Plain()
    elif encoding in ("gzip", "x-gzip", "deflate"):
        unpack = Inflate(gzip=encoding != "deflate")
    else:
        raise Refused(f"the answer is encoded as {encoding!r}, which was not asked for")
    size = 0
    for packed in received(response, limits.max_bytes):
        for piece in unpack.pieces(packed):
            limits.left()
            size += len(piece)
            if size > limits.max_bytes:
                raise too_large(limits.max_bytes)
            yield piece
    if not unpack.ended():
        raise Failed("the connection closed before the whole answer had come")


def received(response: http.client.HTTPResponse, max_bytes: int) -> Iterator[bytes]:
    size = 0
    while piece := response.read(CHUNK):
        size += len(piece)
        if size > max_bytes:
            raise too_large(max_bytes)
        yield piece
    if response.length:
        raise Failed("the connection closed before the whole answer had come")


def too_large(max_bytes: int) -> Refused:
    return Refused(f"the answer is larger than {max_bytes} bytes (config.max_response_bytes)")


class Plain:
    """A body as it is."""

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        yield packed

    def ended(self) -> bool:
        return True


class Inflate:
    """gzip in one or more members, or deflate with or without its header."""

    def __init__(self, *, gzip: bool) -> None:
        self.gzip = gzip
        self.started = False
        self.stream = zlib.decompressobj(31 if gzip else 15)

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self.stream.eof:
                if not self.gzip:
                    return  # what follows the end of a deflate stream means nothing
                self.stream = zlib.decompressobj(31)
            piece = self._inflate(packed)
            self.started = True
            yield piece
            packed = self.stream.unused_data or self.stream.unconsumed_tail
            if self.stream.eof and not packed.strip(b"\0"):
                return

    def _inflate(self, packed: bytes) -> bytes:
        try:
            return self.stream.decompress(packed, CHUNK)
        except zlib.error as error:
            if self.gzip or self.started:
                raise Failed(f"the answer is damaged: {error}") from None
            self.stream = zlib.decompressobj(-15)
            self.started = True
            return self._inflate(packed)

    def ended(self) -> bool:
        return self.stream.eof or not self.started


Unpack = Plain | Inflate


@dataclass(frozen=True, kw_only=True)
class Client:
    """Asks by the rules and within the limits."""

    rules: Rules
    limits: Limits
    ca_file: Path | None = None
    look_up: Resolve = resolve

    def get(self, url: str, headers: Mapping[str, str]) -> Page:
        """The page behind at most `max_redirects` redirects, each of which obeys the rules. Raises Refused, Failed."""
        limit = self.limits.max_redirects
        target = self.rules.target(url)
        for _ in range(limit + 1):
            page = self._once(target, headers)
            location = page.headers.get("Location")
            if page.status not in REDIRECTS or location is None or not limit:
                return page
            target = self.rules.target(absolute(target.url, location))
        raise Refused(f"more than {limit} redirects (config.max_redirects), the last one to {target.url}")

    def _once(self, target: Target, headers: Mapping[str, str]) -> Page:
        try:
            with self._connected(target) as plain:
                plain.settimeout(self.limits.left())
                with secured(plain, target, self.ca_file) as connection:
                    return exchange(target, headers, connection, self.limits)
        except TimeoutError:
            raise TooLate(f"{target.authority} did not answer in time") from None
        except http.client.HTTPException as error:
            raise Failed(f"{target.authority} does not answer as HTTP: {error or type(error).__name__}") from None
        except OSError as error:
            raise Failed(f"the connection to {target.authority} failed: {error}") from None

    def _connected(self, target: Target) -> socket.socket:
        """A connection to one of the very addresses that were checked."""
        last: OSError | None = None
        found = self._addresses(target)[:MOST_ADDRESSES]
        for tried, address in enumerate(found):
            try:
                return socket.create_connection((address, target.port), self.limits.left() / (len(found) - tried))
            except OSError as error:
                last = error
        if isinstance(last, TimeoutError):
            raise TooLate(f"{target.authority} did not take the connection in time")
        raise Failed(f"no connection to {target.authority}: {last}")

    def _addresses(self, target: Target) -> list[str]:
        """Allowed addresses, resolved once. The look-up has a thread of its own, for it cannot be interrupted."""
        answer: list[list[str] | OSError | UnicodeError] = []

        def ask() -> None:
            try:
                answer.append(self.look_up(target.host, target.port))
            except (OSError, UnicodeError) as error:
                answer.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self.limits.left())
        if not answer:
            raise TooLate(f"the name {target.host} was not resolved in time")
        found = answer[0]
        if isinstance(found, OSError | UnicodeError):
            raise Failed(f"the name {target.host} cannot be resolved: {found}")
        return self.rules.check(target.host, found)


def absolute(base: str, location: str) -> str:
    """Where a redirect leads; bytes that are not ASCII are escaped as they came."""
    raw = location.encode("latin-1", "replace").strip()
    if len(raw) > MAX_LOCATION:
        raise Refused("the answer redirects to a URL that is too long")
    try:
        return urljoin(base, quote(raw, KEPT))
    except ValueError as error:
        raise Refused(f"the answer redirects to what is no URL: {error}") from None
