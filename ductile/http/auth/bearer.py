"""Bearer tokens of the configuration, looked up by their hash."""

from aiohttp.web import BaseRequest
from blake3 import blake3

from ductile.model.principal import Principal
from ductile.model.snapshot import Snapshot


async def bearer_principal(raw: BaseRequest, snapshot: Snapshot) -> Principal | None:
    """The principal of the request's token; None for no token and for one that this snapshot does not know.

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
