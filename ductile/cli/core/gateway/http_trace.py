"""What --verbose tells of HTTP: each request, how it ended, and under which id the gateway logged it."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

from ductile.client.blocking_transport import ended_sentence, failed_sentence


def trace_config(told: Callable[[str], None]) -> aiohttp.TraceConfig:
    """Tells a sentence of every request once it has ended."""

    async def note_start(_: object, context: SimpleNamespace, __: object) -> None:
        context.began = time.monotonic()

    async def tell_end(_: object, context: SimpleNamespace, found: aiohttp.TraceRequestEndParams) -> None:
        request_id = found.response.headers.get("X-Request-Id")
        taken = time.monotonic() - context.began
        told(ended_sentence(found.method, str(found.url), found.response.status, taken, request_id))

    async def tell_failure(_: object, context: SimpleNamespace, found: aiohttp.TraceRequestExceptionParams) -> None:
        told(failed_sentence(found.method, str(found.url), found.exception, time.monotonic() - context.began))

    config = aiohttp.TraceConfig()
    config.on_request_start.append(note_start)
    config.on_request_end.append(tell_end)
    config.on_request_exception.append(tell_failure)
    return config
