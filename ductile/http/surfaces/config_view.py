"""Shows the configuration that serves."""

from ductile.describe.config_view import config_view
from ductile.http.etag import ETAG_HEADERS, conditional_reply
from ductile.http.reply import Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.model.principal import ALL_SCOPES
from ductile.model.route import Route


async def get_config_view(request: Request) -> Reply:
    """The configuration in force, without its secrets."""
    return conditional_reply(request, await request.gateway.documents.get(request.snapshot, config_view))


ROUTES = [
    Route(
        method="GET",
        path="/config/view",
        handler=get_config_view,
        summary="The configuration in force, without its secrets",
        description=(
            "Values under names that hint at a secret, and every value that is a known secret, are `[REDACTED]`; "
            "tokens are shown by their scopes alone."
        ),
        scopes=(ALL_SCOPES,),
        tags=("system",),
        responses={200: schemas.CONFIG_VIEW, 304: None},
        headers=ETAG_HEADERS,
    ),
]
