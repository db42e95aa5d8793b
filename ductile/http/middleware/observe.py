"""Tells of every answer, once and with the time it took: what is measured and what is logged share one look."""

import time
from collections.abc import Callable

from ductile.http.ask import Ask, Handler, Middleware, Reply

Observer = Callable[[Ask, Reply, float], None]
"""Is told of an answer that is about to begin, and of the seconds since the request's head was there."""


def observed(*observers: Observer) -> Middleware:
    """The middleware that tells these."""

    async def observe(ask: Ask, proceed: Handler) -> Reply:
        began = time.perf_counter()
        reply = await proceed(ask)
        seconds = time.perf_counter() - began
        for tell in observers:
            tell(ask, reply, seconds)
        return reply

    return observe
