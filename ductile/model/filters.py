"""Which rows a list or a purge asks for; a filter that is None or empty lets every row pass."""

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import WAITING_STATES, Outcome, State
from ductile.model.search_query import SearchQuery


class JobFilter(Struct, frozen=True, kw_only=True):
    """A page of jobs, newest first."""

    plugin: str | None = None
    command: str | None = None
    states: frozenset[State] = frozenset()
    since: Millis | None = None
    """Made then or later."""
    limit: int = 50
    cursor: str | None = None
    """The cursor of the page before."""


ALL_JOBS = JobFilter()


class AttemptFilter(Struct, frozen=True, kw_only=True):
    """A page of ended attempts, newest first."""

    job_id: str | None = None
    plugin: str | None = None
    command: str | None = None
    outcomes: frozenset[Outcome] = frozenset()
    submitted_by: str | None = None
    since: Millis | None = None
    until: Millis | None = None
    query: SearchQuery | None = None
    """The words to find in errors, stderr and results."""
    limit: int = 50
    cursor: tuple[Millis, int] | None = None
    """The cursor of the page before."""
    results: bool = False
    """Whether the results are read too."""


class WaitingFilter(Struct, frozen=True, kw_only=True):
    """Which waiting jobs a purge cancels."""

    plugin: str | None = None
    command: str | None = None
    pipeline: str | None = None
    """Of runs of this pipeline."""
    states: tuple[State, ...] = WAITING_STATES
