"""Every request has an id: the client's own, or a new one."""

from collections.abc import Awaitable

from ductile.http.ask import Ask, Handler, Reply
from ductile.model.ids import new_id

MAX_LENGTH = 128
"""Characters of a client's own id."""


def request_id(ask: Ask, proceed: Handler) -> Awaitable[Reply]:
    """Take `X-Request-Id` if it is printable ASCII of 1 to 128 characters, else make one."""
    given = ask.raw.headers.get("X-Request-Id")
    if given and len(given) <= MAX_LENGTH and given.isascii() and given.isprintable():
        ask.request_id = given
    else:
        ask.request_id = new_id()
    return proceed(ask)
