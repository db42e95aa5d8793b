"""Who asks: the first authenticator that knows the request's credential says."""

from collections.abc import Awaitable

from ductile.errors import Unauthorized
from ductile.http.auth.authenticator import find_principal
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request
from ductile.model.principal import Principal


def authenticate(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Find the principal; 401 without one, save on public routes."""
    return proceed(request) if is_public(request) else authenticate_first(request, proceed)


async def authenticate_first(request: Request, proceed: Handler) -> Reply:
    """Go on once the principal is known. Raises Unauthorized."""
    gateway = request.gateway
    request.principal = await find_principal(gateway.authenticators, request.raw, request.snapshot, gateway.clock)
    if request.principal is None:
        raise Unauthorized
    return await proceed(request)


def is_public(request: Request) -> bool:
    """Whether this needs no credential. Where no row fits the method, a public path is as public; so is OPTIONS."""
    if request.route is not None:
        return request.route.scopes is None
    matches = request.router.methods(request.raw_path).values()
    if request.method == "OPTIONS":
        return bool(matches)
    return any(match.route.scopes is None for match in matches)


async def principal_of(request: Request) -> Principal | None:
    """Who calls, also on a public route; None for nobody, and for a credential that is not accepted."""
    gateway = request.gateway
    return await find_principal(gateway.authenticators, request.raw, request.snapshot, gateway.clock)
