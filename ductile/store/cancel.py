"""Cancelling jobs, steps and whole runs."""

from collections.abc import Sequence

from ductile.model.job import ENDED_STATES, WAITING_STATES, Job, State
from ductile.model.notification import CancelAttempt
from ductile.store.errors import JobFinished, UnknownJob
from ductile.store.rows import read_job
from ductile.store.run_counters import change_run, step_ended
from ductile.store.start import announce_end
from ductile.store.transaction import Row, Tx


def cancel(tx: Tx, job_id: str) -> State:
    """Cancels a job: `cancelled` at once where nothing runs, else `running` while attempts are being stopped.

    A run takes its waiting steps along at once, and ends when the running ones are reaped. A cancelled step is a failed
    one to its run. Raises `UnknownJob` and `JobFinished`. Asking again changes nothing more.
    """
    row = tx.row("job", id=job_id)
    if row is None:
        raise UnknownJob(job_id=job_id)
    job = read_job(row)
    if job.state in ENDED_STATES:
        raise JobFinished(job_id=job_id, status=job.state)
    if not job.lane:
        return _cancel_run(tx, job)
    if job.state is State.RUNNING:
        tx.rows("ask_to_cancel", id=job.id, now=tx.now)
        tx.notify(CancelAttempt(job.id))
        return State.RUNNING
    for ended in end_waiting(tx, tx.rows("cancel_waiting", id=job.id, state=job.state, now=tx.now), job.state):
        if ended.parent_id is not None:
            step_ended(tx, ended, ended.state, None)
    return State.CANCELLED


def _cancel_run(tx: Tx, root: Job) -> State:
    tx.rows("ask_to_cancel", id=root.id, now=tx.now)
    ended = 0
    for state in WAITING_STATES:
        rows = tx.rows("cancel_waiting_steps", root_id=root.id, state=state, now=tx.now)
        ended += len(end_waiting(tx, rows, state))
    for (step_id,) in tx.rows("running_steps", root_id=root.id):
        tx.notify(CancelAttempt(step_id))
    if change_run(tx, root.id, opened=-ended, failed=ended, error=None):
        return State.CANCELLED
    return State.RUNNING


def end_waiting(tx: Tx, rows: Sequence[Row], before: State) -> Sequence[Job]:
    """Counts and announces jobs that were cancelled while they waited."""
    jobs = [read_job(row) for row in rows]
    for job in jobs:
        tx.count_transition(job.plugin, job.command, before, job.state)
        announce_end(tx, job, job.state, None)
    return jobs
