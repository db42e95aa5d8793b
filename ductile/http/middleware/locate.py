"""Where no row answers: 404, 405 with what is possible, or the answer to OPTIONS."""

from collections.abc import Awaitable

from ductile.errors import NotFound
from ductile.http.ask import Ask, Handler, Reply
from ductile.http.errors import MethodNotAllowed


def locate(ask: Ask, proceed: Handler) -> Awaitable[Reply]:
    """Go on where a row was found."""
    return proceed(ask) if ask.route is not None else nowhere(ask)


async def nowhere(ask: Ask) -> Reply:
    """Say what is possible at this path, if anything is. Raises NotFound or MethodNotAllowed."""
    methods = set(ask.snapshot.matcher.methods(ask.raw_path))
    if not methods:
        raise NotFound(path=ask.raw_path)
    if "GET" in methods:
        methods.add("HEAD")
    allow = ", ".join(sorted({*methods, "OPTIONS"}))
    if ask.method == "OPTIONS":
        return Reply(status=204, headers={"Allow": allow})
    raise MethodNotAllowed(method=ask.method, path=ask.raw_path, allow=allow)
