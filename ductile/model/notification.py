"""Notifications of commits to this process, delivered on the loop before the commit's callers continue.

A notification is a hint that saves a read of the store, which holds the same facts.
"""

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.model.read_models import JobView


class LaneReady(Struct, frozen=True):
    """A lane has a job that may be claimed."""

    lane: str


class LaneDrained(Struct, frozen=True):
    """A claim found no further job in the lane; a job that becomes ready later gives `LaneReady` after this."""

    lane: str


class JobDue(Struct, frozen=True):
    """A queued job becomes due at this time."""

    run_at: Millis


class JobEnded(Struct, frozen=True):
    """A job has ended."""

    job_id: str
    state: State
    view: JobView | None = None
    """The ended job, where a caller waits for its view."""


class CancelAttempt(Struct, frozen=True):
    """The running attempt of a job is to be cancelled."""

    job_id: str


class JournalGrew(Struct, frozen=True):
    """The journal has grown."""


JOURNAL_GREW = JournalGrew()

Notification = LaneReady | LaneDrained | JobDue | JobEnded | CancelAttempt | JournalGrew
