"""Shows the configuration that serves."""

from ductile.describe.config_view import config_view
from ductile.http.ask import Ask, Reply
from ductile.http.conditional import HEADERS, conditional
from ductile.http.surfaces import schemas
from ductile.model.principal import ALL
from ductile.model.route import Route


async def view(ask: Ask) -> Reply:
    """The configuration in force, without its secrets."""
    return conditional(ask, await ask.gateway.documents.get(ask.snapshot, config_view))


ROUTES = [
    Route(
        method="GET",
        path="/config/view",
        handler=view,
        summary="The configuration in force, without its secrets",
        description=(
            "Values under names that hint at a secret, and every value that is a known secret, are `[REDACTED]`; "
            "tokens are shown by their scopes alone."
        ),
        scopes=(ALL,),
        tags=("system",),
        responses={200: schemas.CONFIG_VIEW, 304: None},
        headers=HEADERS,
    ),
]
