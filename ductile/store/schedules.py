"""When schedules fire next: a row each, so that a restart neither forgets a due time nor fires it twice."""

from collections.abc import Mapping

from ductile.model.clock import Millis
from ductile.model.job import AcceptedJob
from ductile.model.journal import EntryKind
from ductile.model.read_models import ScheduleRow
from ductile.model.writes import Start
from ductile.store.start import insert_start
from ductile.store.transaction import Row, Tx


def sync_schedules(tx: Tx, first: Mapping[str, tuple[Millis, Millis]]) -> list[ScheduleRow]:
    """Keeps the schedules that are configured: schedule id → its first (due time before jitter, due time).

    One that is known keeps its times, one that is new takes these, one that is not named is forgotten. Returns all.
    """
    known = {row[0] for row in tx.rows("schedules")}
    for schedule_id in known - first.keys():
        tx.execute("drop_schedule", id=schedule_id)
    for schedule_id in first.keys() - known:
        base_at, due_at = first[schedule_id]
        tx.execute("add_schedule", id=schedule_id, base_at=base_at, due_at=due_at)
    return [_read(row) for row in tx.rows("schedules")]


def _read(row: Row) -> ScheduleRow:
    return ScheduleRow(id=row[0], base_at=row[1], due_at=row[2], last_job_id=row[3])


def reschedule(tx: Tx, schedule_id: str, expected_due: Millis, base_at: Millis, due_at: Millis) -> ScheduleRow:
    """Gives a schedule another due time, if it still stands at the expected one; returns it as it stands then."""
    row = tx.row("reschedule", id=schedule_id, expected=expected_due, base_at=base_at, due_at=due_at)
    if row is None:
        row = tx.row("schedule", id=schedule_id)
    if row is None:
        return ScheduleRow(id=schedule_id, base_at=base_at, due_at=due_at, last_job_id=None)
    return _read(row)


def fire(  # noqa: PLR0917 - `Store.write` hands positions on, and each is of its own kind
    tx: Tx, schedule_id: str, expected_due: Millis, base_at: Millis, due_at: Millis, start: Start
) -> AcceptedJob | None:
    """Moves a schedule on to its next due time and starts its job.

    None: it does not stand at the expected due time any more, or the job it started last has not ended (journalled).
    """
    row = tx.row("reschedule", id=schedule_id, expected=expected_due, base_at=base_at, due_at=due_at)
    if row is None:
        return None
    last_job_id = _read(row).last_job_id
    if last_job_id is not None and tx.row("open_job", id=last_job_id) is not None:
        tx.journal(EntryKind.SCHEDULE_SKIPPED, last_job_id, {"schedule": schedule_id, "due_at": expected_due})
        return None
    accepted = insert_start(tx, start)
    tx.execute("set_schedule_job", id=schedule_id, job_id=accepted.job_id)
    return accepted
