"""The query of a request: only the names that the row declares are taken."""

from collections.abc import Awaitable

from ductile.document.problem import did_you_mean
from ductile.http.ask import Ask, Handler, Reply
from ductile.http.errors import UnknownParameter


def check_query(ask: Ask, proceed: Handler) -> Awaitable[Reply]:
    """Go on where the row declares every name of the query. Raises UnknownParameter."""
    if ask.route is not None and ask.raw.rel_url.raw_query_string:
        known = [parameter.name for parameter in ask.route.parameters if parameter.where == "query"]
        for name in ask.query:
            if name not in known:
                raise UnknownParameter(
                    parameter=name,
                    route=f"{ask.route.method} {ask.route.path}",
                    hint=did_you_mean(name, known),
                    known=known or ["none"],
                )
    return proceed(ask)
