"""Who asks: the bearer token, looked up by its hash."""

from collections.abc import Awaitable

from aiohttp.web import BaseRequest
from blake3 import blake3

from ductile.errors import Unauthorized
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request
from ductile.model.principal import Principal
from ductile.model.snapshot import Snapshot


def authenticate(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Find the principal; 401 without one, save on public routes."""
    if not is_public(request):
        request.principal = principal_of(request)
    return proceed(request)


def is_public(request: Request) -> bool:
    """Whether this needs no credential. Where no row fits the method, a public path is as public; so is OPTIONS."""
    if request.route is not None:
        return request.route.scopes is None
    matches = request.router.methods(request.raw_path).values()
    if request.method == "OPTIONS":
        return bool(matches)
    return any(match.route.scopes is None for match in matches)


def principal_of(request: Request) -> Principal:
    """The principal of the request's token. Raises Unauthorized."""
    principal = principal_of_token(request.raw, request.snapshot)
    if principal is None:
        raise Unauthorized
    if principal.expires_at is not None and principal.expires_at <= request.gateway.clock():
        raise Unauthorized
    return principal


def known_caller(request: Request) -> Principal | None:
    """On a public route, who calls, if that can be told; None for nobody, and for a token that is not accepted."""
    principal = principal_of_token(request.raw, request.snapshot)
    expired = (
        principal is not None and principal.expires_at is not None and principal.expires_at <= request.gateway.clock()
    )
    return None if expired else principal


def principal_of_token(raw: BaseRequest, snapshot: Snapshot) -> Principal | None:
    """Whose token a request carries, expired or not; None for no token and for one that this snapshot does not know.

    Tokens are kept and compared as BLAKE3 hashes: how long a look-up takes says something of the hash of a guess at
    most, which the guesser cannot steer, so it takes the same time for a near miss as for any other wrong token.
    """
    credentials = raw.headers.get("Authorization")
    digest = token_hash(credentials) if credentials is not None else None
    return snapshot.principals.get(digest) if digest is not None else None


def token_hash(credentials: str) -> str | None:
    """The hash of the token in an `Authorization` header, None where that has none."""
    scheme, _, token = credentials.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return blake3(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
