"""Browsers on the origins of `api.allowed_origins` may call (CORS); no other origin is told anything."""

from collections.abc import Awaitable

from msgspec.structs import replace

from ductile.http.reply import Reply
from ductile.http.request import Handler, Request

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, X-Request-Id"
EXPOSED_HEADERS = "ETag, Link, Location, Retry-After, X-Request-Id"
PREFLIGHT_AGE_SECONDS = "600"
"""Seconds a browser may keep the answer to a preflight."""


def allow_origins(request: Request, proceed: Handler) -> Awaitable[Reply]:
    """Name the origin in the answer where the configuration allows it."""
    allowed = request.snapshot.api.allowed_origins
    origin = request.raw.headers.get("Origin") if allowed else None
    if origin is None or (origin not in allowed and "*" not in allowed):
        return proceed(request)
    return add_cors_headers(origin, request, proceed)


async def add_cors_headers(origin: str, request: Request, proceed: Handler) -> Reply:
    """The answer, which this origin may read."""
    reply = await proceed(request)
    added = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        "Vary": ", ".join(filter(None, (reply.headers.get("Vary"), "Origin"))),
    }
    if request.method == "OPTIONS":
        added["Access-Control-Allow-Methods"] = reply.headers.get("Allow", "")
        added["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        added["Access-Control-Max-Age"] = PREFLIGHT_AGE_SECONDS
    return replace(reply, headers={**reply.headers, **added})
