"""What a handler answers."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from ductile.http.edge.body_parts import BodyParts


class Reply(Struct, frozen=True, kw_only=True):
    """An answer: a JSON value, or JSON that is encoded already."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: BodyParts | None = None
    """A body that is sent as it comes, in place of `body`; the headers say what it is."""
