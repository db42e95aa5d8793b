"""Large outputs are read and redacted in threads, so that the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from ductile.plugin.runner.call import Execution

LARGE_OUTPUT_BYTES = 16 * 1024
"""Bytes of stdout above which the work leaves the event loop: a millisecond of it."""

HUGE_OUTPUT_BYTES = 64 * 1024
"""Above this size one output is read at a time: threads that compute take turns with the loop."""

LOG_COST_BYTES = 64
"""A log entry costs as much as this many bytes of stdout."""

T = TypeVar("T")


def output_size(execution: Execution | None) -> int:
    """What reading the output costs, in bytes of stdout."""
    return 0 if execution is None else len(execution.stdout) + LOG_COST_BYTES * len(execution.logs)


class LargeOutputThreads:
    """Calls functions of large outputs in threads, and functions of huge outputs one after another."""

    def __init__(self) -> None:
        self._huge = asyncio.Semaphore(1)

    async def call(self, size: int, function: Callable[..., T], *args: Any) -> T:
        """The function's value; `size` is that of the output, in bytes."""
        if size <= HUGE_OUTPUT_BYTES:
            return await asyncio.to_thread(function, *args)
        async with self._huge:
            return await asyncio.to_thread(function, *args)
