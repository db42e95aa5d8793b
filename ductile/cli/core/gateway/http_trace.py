"""Traces HTTP for --verbose: each request, its outcome, and the id under which the gateway logged it."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

from ductile.client.blocking_transport import ended_sentence, failed_sentence


def trace_config(tell: Callable[[str], None]) -> aiohttp.TraceConfig:
    """A trace that tells a sentence about each request once the request has ended."""

    async def note_start(_: object, context: SimpleNamespace, __: object) -> None:
        context.began = time.monotonic()

    async def tell_end(_: object, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        request_id = params.response.headers.get("X-Request-Id")
        duration_seconds = time.monotonic() - context.began
        tell(ended_sentence(params.method, str(params.url), params.response.status, duration_seconds, request_id))

    async def tell_failure(_: object, context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams) -> None:
        tell(failed_sentence(params.method, str(params.url), params.exception, time.monotonic() - context.began))

    config = aiohttp.TraceConfig()
    config.on_request_start.append(note_start)
    config.on_request_end.append(tell_end)
    config.on_request_exception.append(tell_failure)
    return config
