"""Settling: all that the end of one attempt changes, in one transaction or not at all."""

from ductile.model.job import Job, Outcome, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue
from ductile.model.writes import Settlement
from ductile.store.plugin_state import update_plugin_state
from ductile.store.run_counters import NOTHING, step_ended
from ductile.store.start import announce_end, insert_start
from ductile.store.steps import Inserted, Run, insert_event, insert_skips, insert_steps
from ductile.store.transaction import Tx


def settle(tx: Tx, settlement: Settlement) -> None:
    """Ends an attempt. Raises `Stale` where it is not the one that runs: its result came too late.

    Raises `StateTooLarge`; after either nothing was changed. A job that is being cancelled, or whose run is, is not
    queued again but cancelled; what a cancelled run's step emitted is kept, but no step follows.
    """
    job, state = settlement.job, _end_attempt(tx, settlement)
    _insert_attempt(tx, job, settlement)
    tx.count_transition(job.plugin, job.command, State.RUNNING, state)
    for event in settlement.events:
        insert_event(tx, event)
    if settlement.state_update is not None:
        update_plugin_state(tx, settlement.state_update, job.id)
    if state is State.QUEUED:
        _queue_again(tx, job, settlement)
    else:
        _end_job(tx, job, state, settlement)
    for start in settlement.starts:
        insert_start(tx, start)
    for note in settlement.notes:
        tx.journal(note.kind, note.job_id, note.data)


def _end_attempt(tx: Tx, settlement: Settlement) -> State:
    """The guarded change of state; returns the one in which the job stands then."""
    job, state = settlement.job, settlement.state
    lost = int(settlement.outcome is Outcome.LOST)
    if state is State.QUEUED:
        run_at = tx.now if settlement.run_at is None else settlement.run_at
        again = tx.execute("requeue_attempt", id=job.id, attempt=job.attempt, run_at=run_at, now=tx.now, lost=lost)
        if again:
            return State.QUEUED
        state = State.CANCELLED
    tx.insert_deferred("finish_attempt", id=job.id, attempt=job.attempt, state=state, now=tx.now, lost=lost)
    return state


def _insert_attempt(tx: Tx, job: Job, settlement: Settlement) -> None:
    tx.insert_deferred(
        "insert_attempt",
        job_id=job.id,
        attempt=job.attempt,
        plugin=job.plugin,
        command=job.command,
        submitted_by=job.submitted_by,
        created_at=job.created_at,
        generation=settlement.generation,
        runner=settlement.runner,
        started_at=settlement.started_at,
        # When its end becomes durable, as its job's: so attempts stand in the order they ended in.
        ended_at=tx.now,
        outcome=settlement.outcome,
        exit_code=settlement.exit_code,
        result=settlement.result,
        error=settlement.error,
        stdout=settlement.stdout,
        stderr=settlement.stderr,
        logs=settlement.logs,
    )


def _queue_again(tx: Tx, job: Job, settlement: Settlement) -> None:
    if settlement.run_at is None or settlement.run_at <= tx.now:
        tx.notify_ready(job.lane)
    else:
        tx.notify(JobDue(settlement.run_at))
    tx.journal(EntryKind.JOB_REQUEUED, job.id, {"attempt": job.attempt, "outcome": settlement.outcome})


def _end_job(tx: Tx, job: Job, state: State, settlement: Settlement) -> None:
    behind = _insert_behind(tx, job, settlement)
    announce_end(tx, job, state, settlement.error)
    if job.parent_id is not None:
        step_ended(tx, job, state, settlement.error, behind)


def _insert_behind(tx: Tx, job: Job, settlement: Settlement) -> Inserted:
    """Inserts the steps that follow, unless there are none or the run is being cancelled."""
    if job.parent_id is None or not (settlement.children or settlement.skips):
        return NOTHING
    if tx.row("run_cancelled", id=job.root_id) == (1,):
        return NOTHING
    insert_skips(tx, job.root_id, job.id, settlement.skips)
    return insert_steps(tx, Run.of(job, settlement.generation), job.id, settlement.children)
