"""A connection to one gateway: calls of paths, and what they answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import orjson
from yarl import URL

from ductile import stream
from ductile.answer import JSON, TIMEOUT, UNIX, Answer, Unreachable, read_answer, reason_of


class Connection:
    """`open`, then `call`, `raw` and `stream` as often as wanted, then `close`."""

    def __init__(self, url: str, token: str | None, traces: Sequence[aiohttp.TraceConfig]) -> None:
        self._url = url
        self._traces = traces
        self._base = "http://localhost" if url.startswith(UNIX) else url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Be ready for calls; the first one connects."""
        path = self._url.removeprefix(UNIX)
        connector = aiohttp.UnixConnector(path=path) if self._url.startswith(UNIX) else aiohttp.TCPConnector()
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, trace_configs=list(self._traces)
        )

    async def close(self) -> None:
        """Close what was opened."""
        if self._session is not None:
            await self._session.close()

    def stream(self, path: str, query: Mapping[str, str], last_event_id: str | None) -> stream.Opened:
        """A context in which a stream of server-sent events is open."""
        url = URL(self._base + path, encoded=True).update_query(query)
        return stream.opened(self._opened(), url, last_event_id, gateway=self._url)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        each: Callable[[str], None] = lambda _: None,
    ) -> Answer:
        """Any call, and its answer whatever the status; it takes as long as it takes.

        A body is JSON unless `headers` say otherwise. Of a stream of events `each` gets the text as it comes.
        """
        url = URL(self._base + path, encoded=True)
        sent = {**({"Content-Type": JSON} if body is not None else {}), **(headers or {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT)
        try:
            async with self._opened().request(method, url, data=body, headers=sent, timeout=timeout) as response:
                if response.content_type == stream.MEDIA:
                    async for chunk in response.content.iter_any():
                        each(chunk.decode("utf-8", "replace"))
                content = await response.read()
                return Answer(status=response.status, headers=dict(response.headers), body=shown(content))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(url=self._url, reason=reason_of(error)) from None

    def _opened(self) -> aiohttp.ClientSession:
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
        media: str = JSON,
        has: Sequence[str] | None = (),
    ) -> Any:
        """One call. `wait` None: the gateway alone decides how long it takes (a synchronous pipeline).

        An answer of another `media` type than JSON is returned as text; JSON must be an object that `has` these
        members, or (None) a list. Raises Foreign where it is not so.
        """
        url = URL(self._base + path, encoded=True)
        sent = {**(headers or {}), **({"Content-Type": JSON} if body is not None else {})}
        timeout = aiohttp.ClientTimeout(total=None if wait is None else TIMEOUT + wait, sock_connect=TIMEOUT)
        try:
            async with self._opened().request(
                method, url.update_query(query or {}), data=body, headers=sent, timeout=timeout
            ) as response:
                status, given, content = response.status, response.content_type, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(url=self._url, reason=reason_of(error)) from None
        return read_answer(status, given, content, url=self._url, path=path, accept=accept, media=media, has=has)


def shown(content: bytes) -> Any:
    """The JSON of a body, or its text."""
    try:
        return orjson.loads(content) if content else ""
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
