"""Rows as values. Each reads the columns of its fragment in `sql/*.sql`, in the order of the value's fields."""

from typing import Any

from ductile.model.event import Event
from ductile.model.job import Job, Outcome, State
from ductile.model.journal import JournalEntry
from ductile.model.read_models import AttemptRow, AttemptView, JobRow, JobView
from ductile.store.transaction import Row

Started = tuple[str, str, str]
"""Job id, plugin and command of a root that an event started."""

_JOB = Job.__struct_fields__
_EVENT = Event.__struct_fields__
_VIEW = JobView.__struct_fields__[:-3]  # the last three are read on their own
_ATTEMPT = AttemptView.__struct_fields__
_ENTRY = JournalEntry.__struct_fields__
_LOG = AttemptRow.__struct_fields__
_JOB_ROW = JobRow.__struct_fields__
JOB_WIDTH, EVENT_WIDTH = len(_JOB), len(_EVENT)


def job_values(row: Row) -> dict[str, Any]:
    """The fields of a `Job`, from a row that begins with `job_columns`."""
    values = dict(zip(_JOB, row, strict=False))
    values["state"] = State(values["state"])
    values["lane"] = values["lane"] or ""
    values["route"] = bool(values["route"])
    return values


def read_job(row: Row) -> Job:
    """The `Job` at the beginning of a row."""
    return Job(**job_values(row))


def read_event(row: Row) -> Event:
    """The `Event` at the beginning of a row."""
    return Event(**dict(zip(_EVENT, row, strict=False)))


def read_view(row: Row, events: tuple[Event, ...], cause: Event | None, started: tuple[Started, ...]) -> JobView:
    """The `JobView` of a row of `view_columns`, with what belongs to it."""
    values = dict(zip(_VIEW, row, strict=False))
    values["state"] = State(values["state"])
    return JobView(**values, events=events, cause=cause, started=started)


def read_attempt(row: Row) -> AttemptView:
    """One ended attempt."""
    values = dict(zip(_ATTEMPT, row, strict=True))
    values["outcome"] = Outcome(values["outcome"])
    return AttemptView(**values)


def read_entry(row: Row) -> JournalEntry:
    """A row of the journal."""
    return JournalEntry(**dict(zip(_ENTRY, row, strict=True)))


def read_log_row(row: Row) -> AttemptRow:
    """One ended attempt of a list."""
    values = dict(zip(_LOG, row, strict=True))
    values["outcome"] = Outcome(values["outcome"])
    return AttemptRow(**values)


def read_job_row(row: Row) -> JobRow:
    """A line of a list of jobs."""
    values = dict(zip(_JOB_ROW, row, strict=True))
    values["state"] = State(values["state"])
    return JobRow(**values)
