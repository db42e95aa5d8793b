"""Starting again what has ended: a new row beside the old one, which never changes."""

from ductile.model.job import ENDED_STATES, AcceptedJob
from ductile.model.writes import Start
from ductile.store.errors import JobUnfinished, UnknownJob
from ductile.store.rows import read_job
from ductile.store.start import insert_start
from ductile.store.transaction import Tx


def insert_rerun(tx: Tx, start: Start, retry_of: str) -> AcceptedJob:
    """Inserts a start that repeats an ended root; as long as that stands, so does the event that both refer to.

    Raises `UnknownJob`, `JobUnfinished` and `IdempotencyConflict`.
    """
    row = tx.row("job", id=retry_of)
    if row is None:
        raise UnknownJob(job_id=retry_of)
    state = read_job(row).state
    if state not in ENDED_STATES:
        raise JobUnfinished(job_id=retry_of, status=state)
    accepted = insert_start(tx, start)
    if accepted.job_id == start.id:
        tx.execute("set_retry_of", id=start.id, retry_of=retry_of)
    return accepted
