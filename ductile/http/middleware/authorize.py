"""What the caller may do: the scopes of the row. A handler asks for more where only it knows what is needed."""

from collections.abc import Awaitable

from ductile.errors import Forbidden
from ductile.http.ask import Ask, Handler, Reply


def authorize(ask: Ask, proceed: Handler) -> Awaitable[Reply]:
    """Go on where the row asks for no scope, or the caller has one of them."""
    if ask.route is not None and ask.route.scopes:
        require(ask, *ask.route.scopes)
    return proceed(ask)


def require(ask: Ask, *scopes: str) -> None:
    """Raise Forbidden (403) unless the caller has one of these."""
    if not ask.caller.may(*scopes):
        raise Forbidden(required_scopes=list(scopes))
