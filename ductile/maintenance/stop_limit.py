"""The last resort of a stop: ends the gateway in time, even where its event loop hangs."""

import os
import threading

import structlog

from ductile.plugin.sweep import kill_instance

MARGIN_SECONDS = 15.0
"""Seconds of a stop beyond `drain_timeout` and `kill_grace`: open requests and dying processes get 5 s each."""

log = structlog.get_logger(__name__)


class StopLimit:
    """Ends this process where a stop takes too long, from a thread, since the event loop may hang.

    No accepted job is lost: jobs are on disk, and the next start treats running attempts as lost.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._timer: threading.Timer | None = None

    def begin(self, seconds: float) -> None:
        """Allow the stop so many seconds and the margin."""
        self._timer = threading.Timer(seconds + MARGIN_SECONDS, self._end)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """Cancel the limit, because the stop has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        log.critical("the stop takes too long; the gateway is ended, and its running attempts are lost")
        kill_instance(self._instance)
        os._exit(1)
