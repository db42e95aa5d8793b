"""Browsers on the origins of `api.allowed_origins` may call (CORS); no other origin is told anything."""

from collections.abc import Awaitable

from msgspec.structs import replace

from ductile.http.ask import Ask, Handler, Reply

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, X-Request-Id"
EXPOSED_HEADERS = "ETag, Link, Location, Retry-After, X-Request-Id"
PREFLIGHT_AGE = "600"
"""Seconds a browser may keep the answer to a preflight."""


def origins(ask: Ask, proceed: Handler) -> Awaitable[Reply]:
    """Name the origin in the answer where the configuration allows it."""
    allowed = ask.snapshot.api.allowed_origins
    origin = ask.raw.headers.get("Origin") if allowed else None
    if origin is None or (origin not in allowed and "*" not in allowed):
        return proceed(ask)
    return named(origin, ask, proceed)


async def named(origin: str, ask: Ask, proceed: Handler) -> Reply:
    """The answer, which this origin may read."""
    reply = await proceed(ask)
    added = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        "Vary": ", ".join(filter(None, (reply.headers.get("Vary"), "Origin"))),
    }
    if ask.method == "OPTIONS":
        added["Access-Control-Allow-Methods"] = reply.headers.get("Allow", "")
        added["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        added["Access-Control-Max-Age"] = PREFLIGHT_AGE
    return replace(reply, headers={**reply.headers, **added})
