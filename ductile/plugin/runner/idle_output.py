"""What a worker prints while it has nothing to do: into the gateway's log, at a bounded rate and up to a budget."""

from collections.abc import Callable

import structlog

from ductile.model.output import excess

LINES_PER_WINDOW = 20
WINDOW_SECONDS = 10.0

SHOWN_BYTES = 2_000
"""What is shown of one line."""

_log = structlog.get_logger()


class IdleOutput:
    """Logs lines of one worker, and counts those that are too many to be logged.

    `fault` names the setting once it has printed more than `limit` bytes between two requests.
    """

    def __init__(self, plugin: str, pid: int, limit: int, time: Callable[[], float]) -> None:
        self._plugin = plugin
        self._pid = pid
        self._limit = limit
        self._time = time
        self._window = time()
        self._logged = 0
        self._dropped = 0
        self._dropped_bytes = 0
        self._bytes = 0
        self.fault: str | None = None

    def add_bytes(self, count: int) -> None:
        """So much was read from it while it had nothing to do."""
        self._bytes += count
        if self._bytes > self._limit and self.fault is None:
            self.fault = f"it wrote {excess('max_idle_bytes', self._limit, 'while it had nothing to do')}"

    def reset(self) -> None:
        """It has a request: what it prints from now on is that attempt's."""
        self._bytes = 0

    def log(self, line: bytes, event: str = "worker said") -> None:
        """Logs the line, if there were not too many of late."""
        now = self._time()
        if now - self._window >= WINDOW_SECONDS:
            self.report_dropped()
            self._window, self._logged = now, 0
        if self._logged >= LINES_PER_WINDOW:
            self._dropped += 1
            self._dropped_bytes += len(line)
            return
        self._logged += 1
        words = line[:SHOWN_BYTES].decode(errors="replace") + ("…" if len(line) > SHOWN_BYTES else "")
        _log.info(event, plugin=self._plugin, pid=self._pid, words=words)

    def report_dropped(self) -> None:
        """Says how much was not logged."""
        if self._dropped:
            _log.warning(
                "worker output dropped",
                plugin=self._plugin,
                pid=self._pid,
                lines=self._dropped,
                bytes=self._dropped_bytes,
            )
            self._dropped = self._dropped_bytes = 0
