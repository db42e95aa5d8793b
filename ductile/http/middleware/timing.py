"""Tells of every answer, once and with the time it took: what is measured and what is logged share one look."""

import time
from collections.abc import Callable

from ductile.http.reply import Reply
from ductile.http.request import Handler, Middleware, Request

Observer = Callable[[Request, Reply, float], None]
"""Is told of an answer that is about to begin, and of the seconds since the request's head was there."""


def time_requests(*observers: Observer) -> Middleware:
    """The middleware that tells these."""

    async def observe(request: Request, proceed: Handler) -> Reply:
        began = time.perf_counter()
        reply = await proceed(request)
        seconds = time.perf_counter() - began
        for tell in observers:
            tell(request, reply, seconds)
        return reply

    return observe
