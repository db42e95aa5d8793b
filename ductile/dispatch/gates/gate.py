"""What a gate is: it answers for one job in its claim transaction, from durable or owned state, and never waits."""

from typing import Protocol

from ductile.model.job import Job
from ductile.model.snapshot import Snapshot


class Gate(Protocol):
    """Asked in order before an attempt starts; the first that holds a job decides."""

    def admit(self, job: Job, snapshot: Snapshot) -> str | None:
        """None to admit the job, or the reason that it is held for."""
        ...
