"""What a commit tells the process, on the loop, before the commit's callers go on.

A signal is a hint that saves a look at the store; all it says stands in the store as well.
"""

from dataclasses import dataclass

from ductile.model.clock import Millis
from ductile.model.job import State


@dataclass(frozen=True, slots=True)
class Ready:
    """The lane has a job that may be claimed."""

    lane: str


@dataclass(frozen=True, slots=True)
class Drained:
    """A claim has found nothing more in the lane; what comes ready later signals `Ready` after this."""

    lane: str


@dataclass(frozen=True, slots=True)
class Due:
    """A queued job becomes due at this time."""

    run_at: Millis


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job has reached its end."""

    job_id: str
    state: State


@dataclass(frozen=True, slots=True)
class CancelRunning:
    """The running attempt of this job is to be stopped."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Journalled:
    """The journal has grown."""


JOURNALLED = Journalled()

Signal = Ready | Drained | Due | JobEnded | CancelRunning | Journalled
