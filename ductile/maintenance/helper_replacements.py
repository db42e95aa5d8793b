"""Reports helper processes that did not answer and were replaced: in `/healthz` for a while, and in the metrics."""

import asyncio
from collections.abc import Callable, MutableMapping

from ductile.model.clock import Clock, rfc3339

NOTICE_KEY = "helper"
"""The notice's key among those of `/healthz`."""

NOTICE_SECONDS = 3600.0
"""Seconds for which `/healthz` reports the last replacement."""


class HelperReplacements:
    """Counts replacements, and keeps a notice of the last one."""

    def __init__(self, notices: MutableMapping[str, str], count: Callable[[str], None], clock: Clock) -> None:
        self._notices = notices
        self._count = count
        self._clock = clock
        self._end: asyncio.TimerHandle | None = None

    def add(self, helper: str, reason: str) -> None:
        """Count and report a replaced helper."""
        self._count(helper)
        self._notices[NOTICE_KEY] = (
            f"the {helper.replace('_', ' ')} was replaced at {rfc3339(self._clock())}: {reason}; "
            "the log names the plugin whose attempts it started"
        )
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self._notices.pop, NOTICE_KEY, None)
