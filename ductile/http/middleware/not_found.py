"""Where no row answers: 404, 405 with what is possible, or the answer to OPTIONS."""

from collections.abc import Awaitable

from ductile.errors import NotFound
from ductile.http.errors import MethodNotAllowed
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Handler, Request


def require_route(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Go on where a row was found."""
    return proceed(request) if request.route is not None else refuse_unknown_route(request)


async def refuse_unknown_route(request: Request) -> Reply:
    """Say what is possible at this path, if anything is. Raises NotFound or MethodNotAllowed."""
    methods = set(request.router.methods(request.raw_path))
    if not methods:
        raise NotFound(path=request.raw_path)
    if "GET" in methods:
        methods.add("HEAD")
    allow = ", ".join(sorted({*methods, "OPTIONS"}))
    if request.method == "OPTIONS":
        return JsonReply(status=204, headers={"Allow": allow})
    raise MethodNotAllowed(method=request.method, path=request.raw_path, allow=allow)
