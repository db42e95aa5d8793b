"""What a commit tells the process, on the loop, before the commit's callers go on.

A signal is a hint that saves a look at the store; all it says stands in the store as well.
"""

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.model.view import JobView


class Ready(Struct, frozen=True):
    """The lane has a job that may be claimed."""

    lane: str


class Drained(Struct, frozen=True):
    """A claim has found nothing more in the lane; what comes ready later signals `Ready` after this."""

    lane: str


class Due(Struct, frozen=True):
    """A queued job becomes due at this time."""

    run_at: Millis


class JobEnded(Struct, frozen=True):
    """A job has reached its end."""

    job_id: str
    state: State
    view: JobView | None = None
    """The job as it stands then, where somebody waits to be shown it."""


class CancelRunning(Struct, frozen=True):
    """The running attempt of this job is to be stopped."""

    job_id: str


class Journalled(Struct, frozen=True):
    """The journal has grown."""


JOURNALLED = Journalled()

Signal = Ready | Drained | Due | JobEnded | CancelRunning | Journalled
