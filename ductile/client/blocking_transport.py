"""The blocking transport of the client, on http.client: a single call needs neither an event loop nor aiohttp."""

import io
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from ductile import __version__
from ductile.client.answer import CALL_TIMEOUT_SECONDS, JSON_MEDIA, UNIX_PREFIX, read_answer
from ductile.client.errors import Unreachable, failure_reason

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS: Final = 10
SEE_OTHER_STATUS: Final = 303
LOCALHOST: Final = "http://localhost"
"""The base of URLs at a Unix socket."""
HEADERS: Final = {"Accept": "*/*", "User-Agent": f"ductile/{__version__}"}


class LimitedSocket:
    """A connected socket for http.client, with one deadline for all sent and received bytes."""

    def __init__(self, connected: socket.socket, ends_at: float | None) -> None:
        self._socket = connected
        self._ends_at = ends_at

    def with_time_left(self) -> socket.socket:
        """The socket, with its time-out set to the time left. Raises TimeoutError."""
        left = None if self._ends_at is None else self._ends_at - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket

    def sendall(self, data: Any) -> None:
        """Send all data."""
        self.with_time_left().sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """A reader of the received bytes."""
        del mode
        return io.BufferedReader(ReceivedBytes(self))

    def close(self) -> None:
        """The connection's owner closes the socket, after the answer was read."""


class ReceivedBytes(io.RawIOBase):
    """The bytes that a limited socket receives."""

    def __init__(self, limited: LimitedSocket) -> None:
        self._limited = limited

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes; none at the end."""
        return self._limited.with_time_left().recv_into(buffer)


class BlockingTransport:
    """Calls, each over its own connection; `on_request` receives a sentence about every request.

    `limit` is the seconds that a call may take, beside the time that it waits for a result. The methods are coroutines
    that never wait for an event loop, so that the same client can use this transport and the one that streams.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        on_request: Callable[[str], None] = lambda _: None,
        limit: float = CALL_TIMEOUT_SECONDS,
    ) -> None:
        self._url = url
        self._socket_path = url.removeprefix(UNIX_PREFIX) if url.startswith(UNIX_PREFIX) else None
        self._base = LOCALHOST if self._socket_path is not None else url.rstrip("/")
        self._headers = {**HEADERS, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._on_request = on_request
        self._limit = limit

    def open(self) -> None:
        """There is nothing to open: each call connects."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | Sequence[str]] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float | None = 0,
        accept: frozenset[int] = frozenset(),
        media: str = JSON_MEDIA,
        has: Sequence[str] | None = (),
    ) -> Any:
        """One call, as `Transport.call`."""
        request_headers = {
            **self._headers,
            **(headers or {}),
            **({"Content-Type": JSON_MEDIA} if body is not None else {}),
        }
        query_text = f"?{urlencode(query, doseq=True)}" if query else ""
        limit = None if wait is None else self._limit + wait
        try:
            response, content = self._follow_redirects(
                method, f"{self._base}{path}{query_text}", request_headers, body, limit
            )
        except (HTTPException, OSError) as error:
            late = isinstance(error, TimeoutError) and error.errno is None
            reason = f"no answer within {limit or self._limit:g} s" if late else failure_reason(error)
            raise Unreachable(url=self._url, reason=reason) from None
        content_type = response.headers.get_content_type()
        return read_answer(
            response.status, content_type, content, url=self._url, path=path, accept=accept, media=media, has=has
        )

    def _follow_redirects(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: float | None
    ) -> tuple[HTTPResponse, bytes]:
        """The answer and its body, after all redirects; a credential does not go to another origin."""
        ends_at = None if limit is None else time.monotonic() + limit
        for _ in range(MAX_REDIRECTS + 1):
            response, content = self._report_request(method, url, headers, body, ends_at)
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or not location:
                return response, content
            target = urljoin(url, location)
            if origin(target) != origin(url):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            if response.status == SEE_OTHER_STATUS or (response.status in {301, 302} and method == "POST"):
                method, body = "GET", None
                headers = {name: value for name, value in headers.items() if name != "Content-Type"}
            url = target
        message = f"more than {MAX_REDIRECTS} redirects, the last to {url}"
        raise HTTPException(message)

    def _report_request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, ends_at: float | None
    ) -> tuple[HTTPResponse, bytes]:
        began = time.monotonic()
        try:
            response, content = self._exchange(method, url, headers, body, ends_at)
        except (HTTPException, OSError) as error:
            self._on_request(failed_sentence(method, url, error, time.monotonic() - began))
            raise
        request_id = response.headers.get("X-Request-Id")
        self._on_request(ended_sentence(method, url, response.status, time.monotonic() - began, request_id))
        return response, content

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, ends_at: float | None
    ) -> tuple[HTTPResponse, bytes]:
        connection = self._make_connection(url)
        connection.connect()
        connected = connection.sock
        try:
            connection.sock = LimitedSocket(connected, ends_at)
            parts = urlsplit(url)
            target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            with suppress(BrokenPipeError, ConnectionResetError):  # an answer may have come before all was sent
                connection.request(method, target, body, {name: value.encode() for name, value in headers.items()})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connected.close()

    def _make_connection(self, url: str) -> HTTPConnection:
        """A connection that is not open yet."""
        if self._socket_path is not None:
            return UnixConnection(self._socket_path, self._limit)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = f"{url} is no http:// or https:// URL"
            raise HTTPException(message)
        if parts.scheme == "https":
            return HTTPSConnection(
                parts.hostname, parts.port, timeout=self._limit, context=ssl.create_default_context()
            )
        return HTTPConnection(parts.hostname, parts.port, timeout=self._limit)


class UnixConnection(HTTPConnection):
    """A connection over a Unix socket."""

    def __init__(self, path: str, limit: float) -> None:
        super().__init__("localhost", timeout=limit)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            raise


def result_of(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that waits for nothing but the calls of a blocking client."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    work.close()
    message = "this work waits for an event loop, which it does not have"
    raise RuntimeError(message)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_plain_url(url: str) -> bool:
    """Whether these calls reach such a gateway: an ASCII URL without user, query and fragment, or a Unix socket."""
    if url.startswith(UNIX_PREFIX):
        return True
    parts = urlsplit(url)
    return url.isascii() and not (parts.username or parts.password or parts.query or parts.fragment)


def ended_sentence(method: str, url: str, status: int, seconds: float, request_id: str | None) -> str:
    """A request, how it ended, and under which id the gateway logged it."""
    known = f", request {request_id}" if request_id else ""
    return f"{method} {url}: {status} in {round(seconds * 1000)} ms{known}"


def failed_sentence(method: str, url: str, error: BaseException, seconds: float) -> str:
    """A request that came to nothing."""
    return f"{method} {url}: {failure_reason(error)}, after {round(seconds * 1000)} ms"
