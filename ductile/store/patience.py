"""What waits for the store says so once, however often it tries, and once more when it goes on."""

import structlog

from ductile.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

STORE_RETRY = 1.0
"""Seconds until what could not be written is tried again."""


class Patience:
    """Of one that waits: `what` names it and says that it does, as `schedules wait for the store`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._reason: str | None = None

    def waits(self, unavailable: StoreUnavailable) -> None:
        """It could not write; said again only where the reason is another."""
        if unavailable.message != self._reason:
            self._reason = unavailable.message
            log.error(self._what, reason=unavailable.message)

    def goes_on(self) -> None:
        """It has written."""
        if self._reason is not None:
            self._reason = None
            log.info("the store can be written again", was=self._what)
