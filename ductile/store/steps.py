"""Rows below a root: events, baggage, steps and skips."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.job import Job, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, JobEnded
from ductile.model.writes import Child, NewContext, Skip
from ductile.store.transaction import Tx


class Run(Struct, frozen=True, kw_only=True):
    """What the steps of a run inherit from its root."""

    root_id: str
    definition: str | None
    priority: int
    hops: int
    principal: str
    submitted_by: str
    request_id: str | None
    generation: int

    @classmethod
    def of(cls, job: Job, generation: int) -> "Run":
        """The run that a job is a step of."""
        return cls(
            root_id=job.root_id,
            definition=job.definition,
            priority=job.priority,
            hops=job.hops,
            principal=job.principal,
            submitted_by=job.submitted_by,
            request_id=job.request_id,
            generation=generation,
        )


class Inserted(Struct, frozen=True):
    """How many steps were really inserted open and failed, and the first failure's error."""

    open: int = 0
    failed: int = 0
    error: str | None = None


def insert_event(tx: Tx, event: Event) -> None:
    """Stores an event, with what emitted it where something did."""
    if event.job_id is None:
        tx.insert_deferred(
            "insert_outside_event",
            id=event.id,
            type=event.type,
            source=event.source,
            payload=event.payload,
            dedupe_key=event.dedupe_key,
            created_at=event.timestamp,
        )
        return
    tx.insert_deferred(
        "insert_event",
        id=event.id,
        type=event.type,
        source=event.source,
        payload=event.payload,
        dedupe_key=event.dedupe_key,
        job_id=event.job_id,
        root_id=event.root_id,
        pipeline=event.pipeline,
        step=event.step,
        created_at=event.timestamp,
    )


def insert_context(tx: Tx, root_id: str, context: NewContext) -> None:
    """Stores a row of baggage."""
    tx.insert_deferred(
        "insert_context", id=context.id, root_id=root_id, parent_id=context.parent_id, values=context.values
    )


def insert_skips(tx: Tx, root_id: str, parent_id: str, skips: Sequence[Skip]) -> None:
    """Stores the steps that were passed by behind a job."""
    for skip in skips:
        tx.insert_deferred(
            "insert_skip",
            root_id=root_id,
            parent_id=parent_id,
            node=skip.step,
            reason=skip.reason,
            condition=_json(skip.condition),
            values=_json(skip.values),
        )


def _json(value: Mapping[str, Any] | None) -> bytes | None:
    return None if value is None else orjson.dumps(value)


def insert_steps(
    tx: Tx, run: Run, parent_id: str, children: Sequence[Child], *, run_at: Millis | None = None
) -> Inserted:
    """Inserts steps behind a job, to start at once or not before `run_at`.

    A step that is there already is passed over; one with an error is inserted failed.
    """
    opened = failed = 0
    first_error: str | None = None
    start_at = tx.now if run_at is None else run_at
    for child in children:
        state = State.QUEUED if child.error is None else State.FAILED
        if not _insert_step(tx, run, parent_id, child, state, start_at):
            continue
        tx.count_jobs(child.plugin, child.command, state, 1)
        if child.context is not None:
            insert_context(tx, run.root_id, child.context)
        if child.error is None:
            opened += 1
            if start_at <= tx.now:
                tx.notify_ready(child.plugin)
            else:
                tx.notify(JobDue(start_at))
        else:
            failed += 1
            first_error = first_error or child.error
            tx.notify(JobEnded(child.id, state))
            tx.journal(EntryKind.JOB_ENDED, child.id, {"state": state, "attempt": 0})
    return Inserted(opened, failed, first_error)


def _insert_step(  # noqa: PLR0917 - the one caller has all of them at hand
    tx: Tx, run: Run, parent_id: str, child: Child, state: State, run_at: Millis
) -> bool:
    inserted = tx.execute(
        "insert_child",
        id=child.id,
        root_id=run.root_id,
        parent_id=parent_id,
        step=child.step,
        definition=run.definition,
        plugin=child.plugin,
        command=child.command,
        state=state,
        due=int(run_at <= tx.now),
        max_attempts=child.max_attempts,
        priority=run.priority,
        run_at=run_at,
        event_id=child.event_id,
        context_id=child.context_id if child.context is None else child.context.id,
        depth=child.depth,
        hops=run.hops,
        principal=run.principal,
        submitted_by=run.submitted_by,
        request_id=run.request_id,
        generation=run.generation,
        now=tx.now,
        ended_at=None if child.error is None else tx.now,
        error=child.error,
    )
    return inserted == 1
