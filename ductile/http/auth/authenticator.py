"""Asks every authenticator in turn for the principal of a request."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp.web import BaseRequest

from ductile.model.clock import Clock
from ductile.model.principal import Principal
from ductile.model.snapshot import Snapshot

Authenticator = Callable[[BaseRequest, Snapshot], Awaitable[Principal | None]]
"""The principal of a request under a snapshot; None where the request carries no credential of this kind."""


async def find_principal(
    authenticators: Sequence[Authenticator], raw: BaseRequest, snapshot: Snapshot, clock: Clock
) -> Principal | None:
    """The principal that the first authenticator knows; None for nobody, and for a credential that has expired."""
    for authenticator in authenticators:
        principal = await authenticator(raw, snapshot)
        if principal is not None:
            return None if principal.expires_at is not None and principal.expires_at <= clock() else principal
    return None
