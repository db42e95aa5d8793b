"""The end of processes that hold an attempt's output open and are no children of the gateway."""

import asyncio
from collections.abc import Callable

import structlog

SWEEP_SECONDS = 10.0
"""How long a sweep may take; it reads files of processes, and one that hangs may hang its reader."""

_log = structlog.get_logger()


def end_holders(kill: Callable[[str, str], list[int]], instance: str, name: str, done: Callable[[], None]) -> None:
    """Sweeps /proc in a thread for what carries the name of a job or worker; `done` is told once, within the limit."""
    loop = asyncio.get_running_loop()
    try:
        swept = loop.run_in_executor(None, kill, instance, name)
    except RuntimeError:  # the loop's threads are shut down: the sweep by instance comes after this
        done()
        return
    told = False

    def tell() -> None:
        nonlocal told
        if not told:
            told = True
            limit.cancel()
            done()

    def end(swept: asyncio.Future[list[int]]) -> None:
        if not swept.cancelled() and (error := swept.exception()) is not None:
            _log.warning("sweep_failed", name=name, error=str(error))
        tell()

    limit = loop.call_later(SWEEP_SECONDS, tell)
    swept.add_done_callback(end)
