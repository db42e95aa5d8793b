"""The signs of life that a worker has promised to give while it is at work."""

import asyncio
from collections.abc import Callable

MAX_MISSED_BEATS = 3
"""Heartbeats that may be missing before a worker counts as hung."""


class Heartbeat:
    """Calls `hung` when a sign of life is overdue. Without an `interval` (seconds) it never does."""

    def __init__(self, hung: Callable[[], None]) -> None:
        self.interval: float | None = None
        self._hung = hung
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.TimerHandle | None = None

    def beat(self, *, at_work: bool) -> None:
        """It lives; at work, the next sign of life is due one heartbeat from now."""
        self.stop()
        if self.interval is not None and at_work:
            self._due = self._loop.call_later(MAX_MISSED_BEATS * self.interval, self._hung)

    def close(self) -> None:
        """It is gone; whoever was to be told is let go."""
        self.stop()
        self._hung = _nobody

    def stop(self) -> None:
        """Nothing is expected of it."""
        if self._due is not None:
            self._due.cancel()
            self._due = None


def _nobody() -> None:
    """Nobody is told any more."""
