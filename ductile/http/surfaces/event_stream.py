"""The journal as server-sent events (the `text/event-stream` of the HTML standard)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import orjson

from ductile.http.auth.authenticator import find_principal
from ductile.http.request import Request
from ductile.observe.event_feed import FeedItem, Follower, Gap

LAGGED_TYPE = "lagged"
"""The type of the event that says what was missed."""
RETRY_MILLISECONDS = 2000
"""Milliseconds after which a browser connects again."""
STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}


class EventStream:
    """What a follower gets, as bytes: the rows that it wants, gaps, and a comment as a sign of life.

    It ends with the feed, and where the caller loses its right to it: its token expires, or a reload takes it away.
    """

    def __init__(
        self, follower: Follower, wanted: Callable[[FeedItem], bool], is_permitted: Callable[[], Awaitable[bool]]
    ) -> None:
        self._follower = follower
        self._wanted = wanted
        self._is_permitted = is_permitted
        self._told = -1
        """The id that the client was told last."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._told < 0:  # an id without data starts no event, and lets a client that is cut off now miss nothing
            self._told = self._follower.position
            return b"retry: %d\nid: %d\n\n" % (RETRY_MILLISECONDS, self._told)
        while True:
            found = await anext(self._follower)
            if not await self._is_permitted():
                raise StopAsyncIteration
            part = self._frames(found)
            if part:
                self._told = self._follower.position
                return part
            if not found:
                return self._sign_of_life()

    async def aclose(self) -> None:
        """Follow no more."""
        await self._follower.aclose()

    def _frames(self, found: Sequence[FeedItem | Gap]) -> bytes:
        return b"".join(
            lagged_frame(one, self._follower.position)
            if isinstance(one, Gap)
            else b"id: %d\nevent: %s\ndata: %s\n\n" % (one.seq, one.kind.encode(), one.document)
            for one in found
            if isinstance(one, Gap) or self._wanted(one)
        )

    def _sign_of_life(self) -> bytes:
        """A comment; with the place where what came since was not wanted, so that it is not looked through again."""
        if self._told == self._follower.position:
            return b": heartbeat\n\n"
        self._told = self._follower.position
        return b": heartbeat\nid: %d\n\n" % self._told


def lagged_frame(gap: Gap, at: int) -> bytes:
    """The event that says what was missed; its id is where the stream goes on."""
    place = at if gap.missed_to is None else gap.missed_to
    data: dict[str, Any] = {
        "id": place,
        "type": LAGGED_TYPE,
        "missed_from": gap.missed_from,
        "missed_to": gap.missed_to,
        "reason": gap.reason,
    }
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (place, LAGGED_TYPE.encode(), orjson.dumps(data))


def permission_check(request: Request, *scopes: str) -> Callable[[], Awaitable[bool]]:
    """Asks, as often as it is called, whether the caller's credential would still get these scopes."""
    checked, principal = request.snapshot, request.principal
    gateway = request.gateway

    async def is_permitted() -> bool:
        nonlocal checked, principal
        serving = gateway.live.snapshot
        if serving is not checked:
            checked = serving
            principal = await find_principal(gateway.authenticators, request.raw, serving, gateway.clock)
        if principal is None or not principal.may(*scopes):
            return False
        return principal.expires_at is None or principal.expires_at > gateway.clock()

    return is_permitted
