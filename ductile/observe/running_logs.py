"""Log entries and progress of running attempts, until they end."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from ductile.model.clock import Millis
from ductile.model.job import Job

MAX_LOG_ENTRIES = 1_000
"""The newest log entries that are kept of a running attempt; all entries are stored when it ends."""


class RunningAttempt(Struct, kw_only=True):
    """One running attempt."""

    job: Job
    runner: str
    generation: int
    started_at: Millis
    logs: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_LOG_ENTRIES))
    """`{level, message}`, oldest first."""
    progress: Any = None
    """The latest progress report, any JSON value."""


class RunningLogs:
    """The running attempts of this gateway, by job."""

    def __init__(self) -> None:
        self._attempts: dict[str, RunningAttempt] = {}

    def add(self, attempt: RunningAttempt) -> None:
        """Add an attempt that has begun."""
        self._attempts[attempt.job.id] = attempt

    def remove(self, job_id: str) -> None:
        """Remove an attempt that has ended; the store has its logs now."""
        self._attempts.pop(job_id, None)

    def get(self, job_id: str) -> RunningAttempt | None:
        """The running attempt of this job; None where the job is not running."""
        return self._attempts.get(job_id)
