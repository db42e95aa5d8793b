"""Every request has an id: the client's own, or a new one."""

from collections.abc import Awaitable

from ductile.http.reply import Reply
from ductile.http.request import Handler, Request
from ductile.model.ids import new_id

MAX_REQUEST_ID_CHARACTERS = 128
"""Characters of a client's own id."""


def assign_request_id(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Take `X-Request-Id` if it is printable ASCII of 1 to 128 characters, else make one."""
    given = request.raw.headers.get("X-Request-Id")
    if given and len(given) <= MAX_REQUEST_ID_CHARACTERS and given.isascii() and given.isprintable():
        request.request_id = given
    else:
        request.request_id = new_id()
    return proceed(request)
