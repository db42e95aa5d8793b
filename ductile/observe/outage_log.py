"""Logs an outage of the store once for each reason, however often a write is tried, and its end once."""

import structlog

from ductile.errors import DuctileError

log = structlog.get_logger(__name__)

STORE_RETRY_SECONDS = 1.0
"""Seconds until a failed write is tried again."""


class OutageLog:
    """The outage as one task sees it: `message` is logged, such as `schedules wait for the store`."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._reason: str | None = None

    def record_failure(self, error: DuctileError) -> None:
        """A write failed: logged unless the last failure had the same reason."""
        if error.message != self._reason:
            self._reason = error.message
            log.error(self._message, reason=error.message)

    def record_recovery(self) -> None:
        """A write succeeded: logged where one had failed before."""
        if self._reason is not None:
            self._reason = None
            log.info("the store can be written again", was=self._message)
