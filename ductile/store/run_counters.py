"""The counters of a run, and its end: in the transaction that leaves nothing of it open."""

from ductile.model.job import UNSUCCESSFUL_STATES, Job, State
from ductile.store.rows import read_job
from ductile.store.start import announce_end
from ductile.store.steps import Inserted
from ductile.store.transaction import Tx

NOTHING = Inserted()


def step_ended(tx: Tx, step: Job, state: State, error: str | None, behind: Inserted = NOTHING) -> None:
    """Counts an ended step and what was inserted behind it; ends the run when nothing is open."""
    failed = state in UNSUCCESSFUL_STATES
    if failed and error is None:
        error = f"{step.step or step.plugin}: {state}"
    change_run(
        tx,
        step.root_id,
        opened=behind.open - 1,
        failed=behind.failed + failed,
        error=error if failed else behind.error,
    )


def change_run(tx: Tx, root_id: str, *, opened: int, failed: int, error: str | None) -> bool:
    """Changes a run's counters; true where that ended it."""
    row = tx.row("count_in_run", id=root_id, opened=opened, failed=failed, error=error)
    return row is not None and row[0] == 0 and end_run(tx, root_id)


def end_run(tx: Tx, root_id: str) -> bool:
    """Ends a run of which nothing is open; false where something is."""
    row = tx.row("end_run", id=root_id, now=tx.now)
    if row is None:
        return False
    root = read_job(row)
    tx.count_transition(root.plugin, root.command, State.RUNNING, root.state)
    announce_end(tx, root, root.state, row[-1])
    return True
