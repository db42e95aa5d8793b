"""The query of a request: only the names that the row declares are taken."""

from collections.abc import Awaitable

from ductile.document.problem import did_you_mean
from ductile.http.errors import UnknownParameter
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request


def check_query(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Go on where the row declares every name of the query. Raises UnknownParameter."""
    if request.route is not None and request.raw.rel_url.raw_query_string:
        known = [parameter.name for parameter in request.route.parameters if parameter.where == "query"]
        for name in request.query:
            if name not in known:
                raise UnknownParameter(
                    parameter=name,
                    route=f"{request.route.method} {request.route.path}",
                    hint=did_you_mean(name, known),
                    known=known or ["none"],
                )
    return proceed(request)
