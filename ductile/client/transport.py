"""The transport of the client: HTTP calls to one gateway, over aiohttp."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import orjson
from yarl import URL

from ductile.client import sse
from ductile.client.answer import CALL_TIMEOUT_SECONDS, JSON_MEDIA, UNIX_PREFIX, Answer, read_answer
from ductile.client.errors import Unreachable, failure_reason


class Transport:
    """`open`, then any number of `call`, `send` and `stream`, then `close`."""

    def __init__(self, url: str, token: str | None, traces: Sequence[aiohttp.TraceConfig]) -> None:
        self._url = url
        self._traces = traces
        self._base = "http://localhost" if url.startswith(UNIX_PREFIX) else url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the session; the first call connects."""
        path = self._url.removeprefix(UNIX_PREFIX)
        connector = aiohttp.UnixConnector(path=path) if self._url.startswith(UNIX_PREFIX) else aiohttp.TCPConnector()
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, trace_configs=list(self._traces)
        )

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    def stream(self, path: str, query: Mapping[str, str], last_event_id: str | None) -> sse.OpenStream:
        """A context in which a stream of server-sent events is open."""
        url = URL(self._base + path, encoded=True).update_query(query)
        return sse.open_stream(self._open_session(), url, last_event_id, gateway=self._url)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        each: Callable[[str], None] = lambda _: None,
    ) -> Answer:
        """Send any request and return its answer, whatever the status, without a time-out.

        A body is JSON unless `headers` say otherwise. `each` receives the text of a stream of events as it comes.
        """
        url = URL(self._base + path, encoded=True)
        request_headers = {**({"Content-Type": JSON_MEDIA} if body is not None else {}), **(headers or {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CALL_TIMEOUT_SECONDS)
        try:
            async with self._open_session().request(
                method, url, data=body, headers=request_headers, timeout=timeout
            ) as response:
                if response.content_type == sse.EVENT_STREAM_MEDIA:
                    async for chunk in response.content.iter_any():
                        each(chunk.decode("utf-8", "replace"))
                content = await response.read()
                return Answer(status=response.status, headers=dict(response.headers), body=decode_body(content))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(url=self._url, reason=failure_reason(error)) from None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            message = "a Client is used inside `async with`"
            raise RuntimeError(message)
        return self._session

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
        """One call. `wait` None: the gateway alone decides how long it takes (a synchronous pipeline).

        An answer of another `media` type than JSON is returned as text; JSON must be an object that `has` these
        members, or (None) a list. Raises Foreign where it is not so.
        """
        url = URL(self._base + path, encoded=True)
        request_headers = {**(headers or {}), **({"Content-Type": JSON_MEDIA} if body is not None else {})}
        timeout = aiohttp.ClientTimeout(
            total=None if wait is None else CALL_TIMEOUT_SECONDS + wait, sock_connect=CALL_TIMEOUT_SECONDS
        )
        try:
            async with self._open_session().request(
                method, url.update_query(query or {}), data=body, headers=request_headers, timeout=timeout
            ) as response:
                status, content_type, content = response.status, response.content_type, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(url=self._url, reason=failure_reason(error)) from None
        return read_answer(status, content_type, content, url=self._url, path=path, accept=accept, media=media, has=has)


def decode_body(content: bytes) -> Any:
    """The JSON of a body, or its text."""
    try:
        return orjson.loads(content) if content else ""
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
