"""What a handler answers: JSON, a stream, a file, or a connection of another protocol."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp.web import BaseRequest, StreamResponse
from msgspec import Struct, field

from ductile.http.edge.body_parts import BodyParts


class JsonReply(Struct, frozen=True, kw_only=True):
    """A JSON value, or bytes that are JSON already; without a body where `body` is None."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class StreamReply(Struct, frozen=True, kw_only=True):
    """A body that is sent part by part, as each part comes; the headers say what the body is."""

    parts: BodyParts
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class FileReply(Struct, frozen=True, kw_only=True):
    """A file, whole or the ranges that the client asks for; without headers its name says its media type."""

    path: Path
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class UpgradeReply(Struct, frozen=True, kw_only=True):
    """The connection goes over to another protocol, such as WebSocket."""

    serve: Callable[[BaseRequest], Awaitable[StreamResponse]]
    """Answers the request itself, and returns the response once the connection has ended."""
    status: int = 101
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = JsonReply | StreamReply | FileReply | UpgradeReply
