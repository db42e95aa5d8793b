"""What running attempts have said so far: their log entries and how far they have come, until they end."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from ductile.model.clock import Millis
from ductile.model.job import Job

MOST_ENTRIES = 1_000
"""Log entries that are kept of a running attempt, the newest; all of them are stored when it ends."""


class Said(Struct, kw_only=True):
    """One running attempt."""

    job: Job
    runner: str
    generation: int
    started_at: Millis
    logs: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    """`{level, message}`, oldest first."""
    progress: Any = None
    """The latest, any JSON value."""


class LiveLogs:
    """The running attempts of this gateway, by job."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}

    def began(self, said: Said) -> None:
        """An attempt has begun."""
        self._said[said.job.id] = said

    def ended(self, job_id: str) -> None:
        """It has ended; what it said stands in the store."""
        self._said.pop(job_id, None)

    def of(self, job_id: str) -> Said | None:
        """What the running attempt of this job has said; None where none is running."""
        return self._said.get(job_id)
