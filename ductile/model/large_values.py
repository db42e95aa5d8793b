"""Large values are read, redacted and written in threads, so that the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

LARGE_BYTES = 16 * 1024
"""Bytes of JSON above which the work leaves the event loop: a millisecond of it."""

HUGE_BYTES = 64 * 1024
"""Above this size one value is worked at at a time: threads that compute take turns with the loop."""

T = TypeVar("T")


class LargeValueThreads:
    """Calls functions of large values in threads, and functions of huge values one after another."""

    def __init__(self) -> None:
        self._huge = asyncio.Semaphore(1)

    async def call(self, size: int, function: Callable[..., T], *args: Any) -> T:
        """The function's value; `size` is that of what it works at, in bytes of JSON."""
        if size <= LARGE_BYTES:
            return function(*args)
        if size <= HUGE_BYTES:
            return await asyncio.to_thread(function, *args)
        async with self._huge:
            return await asyncio.to_thread(function, *args)
