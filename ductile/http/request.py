"""One request as a handler sees it, and what a handler answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp.web import BaseRequest

from ductile.errors import BadRequest
from ductile.http.client_address import address_of
from ductile.http.errors import InvalidJson, TooManyValues, UnsupportedMedia
from ductile.http.gateway import Gateway
from ductile.http.reply import Reply
from ductile.http.router import Router
from ductile.model.json_reader import read_json
from ductile.model.json_size import holds_more_values
from ductile.model.principal import Principal
from ductile.model.route import Route
from ductile.model.snapshot import Snapshot


class Request:
    """One request under way, bound to one snapshot; each middleware adds what it finds out."""

    __slots__ = (
        "_client_address",
        "body",
        "gateway",
        "method",
        "path",
        "principal",
        "raw",
        "raw_path",
        "request_id",
        "route",
        "router",
        "snapshot",
    )

    def __init__(self, gateway: Gateway, raw: BaseRequest, snapshot: Snapshot, router: Router) -> None:
        self.gateway = gateway
        self.raw = raw
        self.method = raw.method
        self.snapshot = snapshot
        self.router = router
        self.raw_path: str = raw.rel_url.raw_path
        """As the client wrote it, percent-encoded, without the query and the prefix of `api.public_url`."""
        prefix = self.snapshot.api.prefix
        if prefix:
            self.raw_path = without_prefix(self.raw_path, prefix)
        match = router.match(self.method, self.raw_path)
        self.route: Route | None = match.route if match else None
        """None where nothing answers this method and path."""
        self.path: Mapping[str, str] = match.path if match else {}
        """The values of the path's `{names}`, decoded."""
        self.principal: Principal | None = None
        self.request_id = ""
        self.body = b""
        self._client_address: str | None = None

    @property
    def client_address(self) -> str:
        """Where the request comes from: an IP address, or `unix`; a trusted proxy says for whom it calls."""
        if self._client_address is None:
            self._client_address = address_of(self.raw, self.snapshot.api.trusted_proxies)
        return self._client_address

    @property
    def query(self) -> Mapping[str, str]:
        """The query; of a name given several times the first value."""
        url = self.raw.rel_url
        return url.query if url.raw_query_string else {}

    def all(self, name: str) -> list[str]:
        """Every value of a name of the query, whether it is repeated or its values have commas between."""
        url = self.raw.rel_url
        given = url.query.getall(name, []) if url.raw_query_string else []
        return [one.strip() for text in given for one in text.split(",")]

    @property
    def caller(self) -> Principal:
        """Who asks, on a route that is not public."""
        if self.principal is None:
            message = "a public route has no caller"
            raise RuntimeError(message)
        return self.principal

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object.

        Raises InvalidJson, TooManyValues, UnsupportedMedia or BadRequest.
        """
        if not self.body:
            return {}
        limit = self.snapshot.api.max_body_values
        if holds_more_values(self.body, limit):
            raise TooManyValues(limit=limit)
        try:
            value = read_json(self.body)
        except orjson.JSONDecodeError as error:
            self._refuse_other_media()
            reason, offset = error.msg.split(":")[0], error.pos
            raise InvalidJson(reason=reason, offset=first_undecodable(self.body, offset)) from None
        if not isinstance(value, dict):
            raise BadRequest(reason="the body must be a JSON object")
        return value

    def _refuse_other_media(self) -> None:
        kind = self.raw.headers.get("Content-Type")
        if kind is None:
            return
        essence = kind.partition(";")[0].strip().lower()
        if essence != "application/json" and not essence.endswith("+json"):
            raise UnsupportedMedia(found=essence)

    def disconnected(self) -> asyncio.Future[None]:
        """Done when the client closes its connection."""
        protocol: Any = self.raw.protocol
        future: asyncio.Future[None] = protocol.disconnected()
        return future


def without_prefix(path: str, prefix: str) -> str:
    """The path below the prefix; the whole path where a proxy has taken the prefix off already."""
    rest = path.removeprefix(prefix)
    return rest or "/" if len(rest) < len(path) and rest[:1] in ("", "/") else path


def first_undecodable(body: bytes, offset: int) -> int:
    """Where the body stops being UTF-8, in characters; the given offset where it does not. The parser says 0 there."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return len(body[: error.start].decode())
    return offset


Handler = Callable[[Request], Awaitable[Reply]]
"""Answers one request."""

Middleware = Callable[[Request, Handler], Awaitable[Reply]]
"""Stands around the handler: it may answer itself, or call the next and look at the answer.

One that only looks at the request is no coroutine but a function that hands on what the next one returns: every frame
that waits costs each request its making and two resumptions.
"""
