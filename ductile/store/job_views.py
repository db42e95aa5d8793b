"""Views of jobs: a job with its events, its cause and what it started."""

from ductile.model.read_models import JobView
from ductile.store.rows import Started, read_event, read_view
from ductile.store.transaction import Row, RowReader

_CAUSE, _EMITTED = -2, -1
"""Where `job_view` and `root_view` have the id of the event that started the job, and whether it emitted any."""


def view_job(reads: RowReader, job_id: str) -> JobView | None:
    """One job with what it emitted, what started it and what it started; None where there is none."""
    row = reads.row("job_view", id=job_id)
    return None if row is None else view_row(reads, row)


def view_row(reads: RowReader, row: Row) -> JobView:
    """The view of a row of `job_view` or `root_view`."""
    cause = reads.row("event", id=row[_CAUSE]) if row[_CAUSE] is not None else None
    caused_by = None if cause is None else read_event(cause)
    if not row[_EMITTED]:
        return read_view(row, (), caused_by, ())
    events = tuple(read_event(found) for found in reads.rows("emitted", job_id=row[0]))
    started: list[Started] = [(found[0], found[1], found[2]) for found in reads.rows("started", job_id=row[0])]
    return read_view(row, events, caused_by, tuple(started))
