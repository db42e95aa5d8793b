"""What a worker says first: that it is ready, in which protocol, and how much it takes at once."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

PROTOCOL_VERSION = 2


class Greeting(Struct, frozen=True):
    """A worker's promises."""

    concurrency: int
    """Requests at once."""
    heartbeat: float | None
    """Seconds between its signs of life while it is at work; None where it promises none."""


def read_greeting(hello: Mapping[str, Any]) -> Greeting | None:
    """The greeting, with what is left out by its default; None where it is of another protocol or takes no request."""
    concurrency, heartbeat = hello.get("concurrency", 1), hello.get("heartbeat")
    if hello.get("protocol") != PROTOCOL_VERSION or not _is_positive(concurrency) or isinstance(concurrency, float):
        return None
    return Greeting(concurrency, heartbeat if _is_positive(heartbeat) else None)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
