"""The protocol of gates: a gate answers for one job in its claim transaction, from stored state, without waiting."""

from typing import Protocol

from ductile.model.claims import GateAnswer
from ductile.model.clock import Millis
from ductile.model.job import Job
from ductile.model.snapshot import Snapshot


class Gate(Protocol):
    """Gates are asked in order before an attempt starts; the first that does not admit the job decides."""

    def admit(self, job: Job, snapshot: Snapshot, now: Millis) -> GateAnswer:
        """None to admit the job; `Hold` until a release, or `Defer` until a time after `now`."""
        ...
