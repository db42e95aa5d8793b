"""Events from outside: all that one starts, in one transaction."""

from collections.abc import Sequence

import orjson
from msgspec.structs import asdict

from ductile.model.event import Event
from ductile.model.job import AcceptedEvent, AcceptedJob, StartedJob
from ductile.model.journal import EntryKind
from ductile.model.writes import Idempotency, Note, Start
from ductile.store.errors import EventKeyConflict
from ductile.store.start import insert_start
from ductile.store.steps import insert_event
from ductile.store.transaction import Tx


def insert_posted_event(
    tx: Tx,
    event: Event,
    starts: Sequence[Start],
    *,
    principal: str,
    notes: Sequence[Note] = (),
    idempotency: Idempotency | None = None,
) -> AcceptedEvent:
    """Inserts what the event starts, and the event where any of that is new; journals it in every case.

    Raises `EventKeyConflict`. A start with a dedupe key may be answered by an earlier job, as any other start.
    """
    if idempotency is not None:
        known = _find_replay(tx, idempotency)
        if known is not None:
            return known
    started = tuple(_started_job(insert_start(tx, start)) for start in starts)
    if not all(one.deduplicated for one in started):
        insert_event(tx, event)
    data = {"event_id": event.id, "event_type": event.type, "principal": principal}
    tx.journal(EntryKind.EVENT_RECEIVED, None, {**data, "started": [one.job_id for one in started]})
    for note in notes:
        tx.journal(note.kind, note.job_id, note.data)
    received = AcceptedEvent(event_id=event.id, started=started)
    if idempotency is not None:
        _remember_answer(tx, idempotency, received)
    return received


def _started_job(accepted: AcceptedJob) -> StartedJob:
    return StartedJob(
        job_id=accepted.job_id,
        plugin=accepted.plugin,
        command=accepted.command,
        deduplicated=accepted.deduplicated,
    )


def _find_replay(tx: Tx, key: Idempotency) -> AcceptedEvent | None:
    row = tx.row("find_answer", principal=key.principal, method=key.method, path=key.path, key=key.key, now=tx.now)
    if row is None:
        return None
    body_hash, event_id, answer = row
    if body_hash != key.body_hash:
        raise EventKeyConflict(key=key.key, event_id=event_id)
    started = tuple(StartedJob(**one) for one in orjson.loads(answer))
    return AcceptedEvent(event_id=event_id, started=started, replayed=True)


def _remember_answer(tx: Tx, key: Idempotency, received: AcceptedEvent) -> None:
    tx.execute(
        "set_answer",
        principal=key.principal,
        method=key.method,
        path=key.path,
        key=key.key,
        body_hash=key.body_hash,
        event_id=received.event_id,
        answer=orjson.dumps([asdict(one) for one in received.started]),
        expires_at=tx.now + key.ttl,
    )
