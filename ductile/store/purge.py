"""Purging: many waiting jobs are cancelled at once."""

from collections import defaultdict
from collections.abc import Sequence

from ductile.model.job import WAITING_STATES, Job
from ductile.store.cancel import end_waiting
from ductile.store.run_counters import change_run, step_ended
from ductile.store.transaction import Tx


def purge(tx: Tx, job_ids: Sequence[str]) -> int:
    """Cancels those of the jobs that still wait; returns how many. A cancelled step is a failed one to its run.

    A run of which nothing else is open is cancelled itself.
    """
    ended = [job for job_id in job_ids for job in _cancel(tx, job_id)]
    steps: defaultdict[str, list[Job]] = defaultdict(list)
    for job in ended:
        if job.parent_id is not None:
            steps[job.root_id].append(job)
    for root_id, gone in steps.items():
        if tx.execute("ask_to_cancel_run", id=root_id, open=len(gone), now=tx.now):
            change_run(tx, root_id, opened=-len(gone), failed=len(gone), error=None)
        else:
            for step in gone:
                step_ended(tx, step, step.state, None)
    return len(ended)


def _cancel(tx: Tx, job_id: str) -> Sequence[Job]:
    for state in WAITING_STATES:
        ended = end_waiting(tx, tx.rows("cancel_waiting", id=job_id, state=state, now=tx.now), state)
        if ended:
            return ended
    return ()
