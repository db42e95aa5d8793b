"""The protocol of gates: a gate answers for one job in its claim transaction, from stored state, without waiting."""

from typing import Protocol

from ductile.model.job import Job
from ductile.model.snapshot import Snapshot


class Gate(Protocol):
    """Gates are asked in order before an attempt starts; the first that holds the job decides."""

    def admit(self, job: Job, snapshot: Snapshot) -> str | None:
        """None to admit the job, or the reason that it is held for."""
        ...
