"""What the caller may do: the scopes of the row. A handler asks for more where only it knows what is needed."""

from collections.abc import Awaitable

from ductile.errors import Forbidden
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request


def authorize(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Go on where the row asks for no scope, or the caller has one of them."""
    if request.route is not None and request.route.scopes:
        require(request, *request.route.scopes)
    return proceed(request)


def require(request: Request, *scopes: str) -> None:
    """Raise Forbidden (403) unless the caller has one of these."""
    if not request.caller.may(*scopes):
        raise Forbidden(required_scopes=list(scopes))
