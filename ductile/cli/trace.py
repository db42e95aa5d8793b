"""What --verbose tells of HTTP: each request, how it ended, and under which id the gateway logged it."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp


def trace(told: Callable[[str], None]) -> aiohttp.TraceConfig:
    """Tells a sentence of every request once it has ended."""

    async def started(_: object, context: SimpleNamespace, __: object) -> None:
        context.began = time.monotonic()

    async def ended(_: object, context: SimpleNamespace, found: aiohttp.TraceRequestEndParams) -> None:
        request_id = found.response.headers.get("X-Request-Id")
        known = f", request {request_id}" if request_id else ""
        told(f"{found.method} {found.url}: {found.response.status} in {millis(context)} ms{known}")

    async def failed(_: object, context: SimpleNamespace, found: aiohttp.TraceRequestExceptionParams) -> None:
        reason = str(found.exception) or type(found.exception).__name__
        told(f"{found.method} {found.url}: {reason}, after {millis(context)} ms")

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_end.append(ended)
    config.on_request_exception.append(failed)
    return config


def millis(context: SimpleNamespace) -> int:
    """Since the request started."""
    began: float = context.began
    return round((time.monotonic() - began) * 1000)
