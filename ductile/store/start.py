"""Starts: the only way by which root jobs and runs come to be, for triggers and for what settled jobs start."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ductile.model.job import PIPELINE_PLUGIN, AcceptedJob, EndedRoot, EndedStep, Job, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, JobEnded
from ductile.model.writes import Idempotency, Note, Start
from ductile.store.errors import IdempotencyConflict
from ductile.store.plugin_health import record_check
from ductile.store.rows import read_job
from ductile.store.steps import Inserted, Run, insert_event, insert_skips, insert_steps
from ductile.store.transaction import Tx

MAX_NAMED_CAUSES = 20
"""Causes that the error of a refused start names at most."""


def insert_start(tx: Tx, start: Start) -> AcceptedJob:
    """Inserts a plain job or a run, unless its idempotency or dedupe key names one that is there.

    Raises `IdempotencyConflict`. A run is answered as queued, though its root runs from the first.
    """
    if start.idempotency is not None:
        known = _find_replay(tx, start.idempotency)
        if known is not None:
            return known
    accepted = _find_duplicate(tx, start) if start.dedupe_key is not None else None
    if accepted is None:
        accepted = _insert_run(tx, start) if _is_run(start) else _insert_job(tx, start)
    if start.idempotency is not None:
        _remember_key(tx, start.idempotency, accepted.job_id)
    return accepted


def _is_run(start: Start) -> bool:
    return start.definition is not None or start.plugin == PIPELINE_PLUGIN


def _find_replay(tx: Tx, key: Idempotency) -> AcceptedJob | None:
    row = tx.row("find_idempotent", principal=key.principal, method=key.method, path=key.path, key=key.key, now=tx.now)
    if row is None:
        return None
    body_hash, job_id, state, plugin, command = row
    if body_hash != key.body_hash:
        raise IdempotencyConflict(key=key.key, job_id=job_id)
    return AcceptedJob(job_id=job_id, status=State(state), plugin=plugin, command=command, replayed=True)


def _remember_key(tx: Tx, key: Idempotency, job_id: str) -> None:
    tx.execute(
        "set_idempotent",
        principal=key.principal,
        method=key.method,
        path=key.path,
        key=key.key,
        body_hash=key.body_hash,
        job_id=job_id,
        expires_at=tx.now + key.ttl,
    )


def _find_duplicate(tx: Tx, start: Start) -> AcceptedJob | None:
    row = tx.row(
        "find_duplicate",
        plugin=start.plugin,
        command=start.command,
        dedupe_key=start.dedupe_key,
        since=tx.now - start.dedupe_ttl,
    )
    if row is None:
        return None
    job_id, state = row
    return AcceptedJob(
        job_id=job_id, status=State(state), plugin=start.plugin, command=start.command, deduplicated=True
    )


def _insert_job(tx: Tx, start: Start) -> AcceptedJob:
    _insert_own_event(tx, start)
    if start.error is not None:
        start = _with_causes(tx, start)
        _insert_root(tx, start, state=State.FAILED, lane=start.plugin, steps=Inserted())
        _end_root(tx, start.id)
        return _answer(start, State.FAILED)
    run_at = tx.now if start.run_at is None else start.run_at
    due = run_at <= tx.now
    tx.insert_deferred("insert_job", due=int(due), run_at=run_at, **_columns(tx, start))
    tx.count_jobs(start.plugin, start.command, State.QUEUED, 1)
    if due:
        tx.notify_ready(start.plugin)
    else:
        tx.notify(JobDue(run_at))
    return _answer(start, State.QUEUED)


def _insert_run(tx: Tx, start: Start) -> AcceptedJob:
    _insert_own_event(tx, start)
    if start.definition is not None and start.definition_document is not None:
        tx.execute("insert_definition", hash=start.definition, document=start.definition_document, now=tx.now)
    run = Run(
        root_id=start.id,
        definition=start.definition,
        priority=start.priority,
        hops=start.hops,
        principal=start.principal,
        submitted_by=start.submitted_by,
        request_id=start.request_id,
        generation=start.generation,
    )
    start = _with_causes(tx, start)
    children = () if start.error is not None else start.children
    steps = insert_steps(tx, run, start.id, children, run_at=start.run_at)
    insert_skips(tx, start.id, start.id, start.skips)
    state = State.RUNNING if steps.open else State.SUCCEEDED
    if not steps.open and (start.error is not None or steps.failed):
        state = State.FAILED
    _insert_root(tx, start, state=state, lane=None, steps=steps)
    if steps.open:
        return _answer(start, State.QUEUED)
    _end_root(tx, start.id)
    return _answer(start, state)


def _with_causes(tx: Tx, start: Start) -> Start:
    """A refused start whose error names what led to it, so that the loop can be seen."""
    if start.error is None or start.cause_event_id is None:
        return start
    me = _title(start.plugin, start.command)
    chain = [me]
    for event_type, plugin, command in tx.rows("causes", event_id=start.cause_event_id, limit=MAX_NAMED_CAUSES):
        chain += [event_type, _title(plugin, command)]
        if chain[-1] == me:
            break
    return replace(start, error=f"{start.error}: {' → '.join(reversed(chain))}")


def _title(plugin: str, command: str) -> str:
    return f"pipeline {command}" if plugin == PIPELINE_PLUGIN else f"{plugin}.{command}"


def _answer(start: Start, status: State) -> AcceptedJob:
    return AcceptedJob(job_id=start.id, status=status, plugin=start.plugin, command=start.command)


def _insert_own_event(tx: Tx, start: Start) -> None:
    if start.event is not None:
        insert_event(tx, start.event)


def _columns(tx: Tx, start: Start) -> dict[str, Any]:
    """What every root has. Plain integers, since SQLite's binding asks the adapters for any other type."""
    # Who shares a stored event names it as its cause: retention finds by it that the event is still needed.
    cause = start.cause_event_id if start.event is not None else start.cause_event_id or start.event_id
    return {
        "id": start.id,
        "cause_event_id": cause,
        "plugin": start.plugin,
        "command": start.command,
        "max_attempts": start.max_attempts,
        "priority": start.priority,
        "event_id": start.event_id,
        "route": int(start.route),
        "hops": start.hops,
        "principal": start.principal,
        "submitted_by": start.submitted_by,
        "request_id": start.request_id,
        "dedupe_key": start.dedupe_key,
        "generation": start.generation,
        "now": tx.now,
    }


def _insert_root(tx: Tx, start: Start, *, state: State, lane: str | None, steps: Inserted) -> None:
    tx.insert_deferred(
        "insert_root",
        definition=start.definition,
        lane=lane,
        state=state,
        run_at=tx.now if start.run_at is None else start.run_at,
        open_jobs=steps.open,
        failed_jobs=steps.failed,
        started_at=tx.now if lane is None else None,
        ended_at=None if state is State.RUNNING else tx.now,
        error=steps.error if start.error is None else start.error,
        **_columns(tx, start),
    )
    tx.count_jobs(start.plugin, start.command, state, 1)


def _end_root(tx: Tx, job_id: str) -> None:
    """Announces the end of a root that was inserted ended."""
    row = tx.row("root", id=job_id)
    if row is not None:
        root = read_job(row)
        announce_end(tx, root, root.state, row[-1])


def announce_end(tx: Tx, job: Job, state: State, error: str | None) -> None:
    """Tells signals, journal, the plugin's health and (of a root) lifecycle hooks that a job has ended so.

    Starts what the hooks ask for.
    """
    tx.notify(JobEnded(job.id, state))
    tx.journal(EntryKind.JOB_ENDED, job.id, {"state": state, "attempt": job.attempt})
    record_check(tx, job, state, error)
    if tx.hooks is None or job.parent_id is not None:
        return
    ended = EndedRoot(
        root=job,
        state=state,
        ended_at=tx.now,
        plugin=job.plugin,
        command=job.command,
        attempt=job.attempt,
        error=error,
        candidates=() if job.lane else tuple(_candidates(tx, job.id)),
    )
    for made in tx.hooks(ended):
        if isinstance(made, Note):
            tx.journal(made.kind, made.job_id, made.data)
        else:
            insert_start(tx, made)


def _candidates(tx: Tx, root_id: str) -> Iterable[EndedStep]:
    rows = tx.rows("failed_steps", root_id=root_id) or tx.rows("last_steps", root_id=root_id)
    for job_id, plugin, command, attempt, error in rows:
        yield EndedStep(job_id=job_id, plugin=plugin, command=command, attempt=attempt, error=error)
