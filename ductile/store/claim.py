"""Claims: which queued jobs start now, lane by lane; and what holds a lane and lets it go."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ductile.model.clock import Millis
from ductile.model.job import Claimed, Job, State
from ductile.model.journal import Kind
from ductile.model.signal import Drained, Due
from ductile.store.rows import EVENT_WIDTH, Row, job_values, read_event
from ductile.store.tx import Tx

Gate = Callable[[Job], str | None]
"""Asked for a job before its attempt rises: None admits it, anything else is why it is held."""

PLUGIN_UNAVAILABLE = "plugin_unavailable"
"""Why a job is held whose plugin or command is not there; `release` lets it go."""

BATCH = 512
"""Jobs that one transaction moves at most."""

_Head = tuple[int, int, str, str, Row]
"""What lanes compare by (minus the priority, run_at, id), the lane, and the row."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The attempts to start now, in order, and the lanes that have no ready job left (each signalled as `Drained`)."""

    claimed: tuple[Claimed, ...]
    drained: frozenset[str]


def claim(tx: Tx, free: Mapping[str, int], total: int, gate: Gate) -> Claims:
    """Starts at most `total` attempts, and in each lane at most as many as it has free slots.

    The best of all lanes goes first: by priority, then by the time it became due, then by id. A job that its gate
    refuses becomes held and takes no slot; after 512 of those, the lanes that are left are signalled anew. The cost
    depends on the lanes asked for, not on what waits in them.
    """
    left = {lane: slots for lane, slots in free.items() if slots > 0}
    heads: list[_Head] = []
    drained: set[str] = set()
    claimed: list[Claimed] = []
    for lane in left if total > 0 else ():
        _look(tx, lane, heads, drained)
    heapq.heapify(heads)
    refused = 0
    while heads and len(claimed) < total and refused < BATCH:
        *_, lane, row = heapq.heappop(heads)
        start = _start(tx, row, gate)
        if start is not None:
            claimed.append(start)
            left[lane] -= 1
        else:
            refused += 1
        if left[lane]:
            _look(tx, lane, heads, drained, push=True)
    if refused == BATCH:  # the batch stays short: whoever is left asks again
        for *_, lane, _row in heads:
            tx.ready(lane)
    for lane in drained:
        tx.signal(Drained(lane))
    return Claims(tuple(claimed), frozenset(drained))


def _look(tx: Tx, lane: str, heads: list[_Head], drained: set[str], *, push: bool = False) -> None:
    row = tx.one("claim_head", lane=lane)
    if row is None:
        drained.add(lane)
        return
    head = (-row[_PRIORITY], row[_RUN_AT], row[_ID], lane, row)
    if push:
        heapq.heappush(heads, head)
    else:
        heads.append(head)


_ID, _PRIORITY, _EVENT_ID, _RUN_AT = 0, 10, -2, -1


def _start(tx: Tx, row: Row, gate: Gate) -> Claimed | None:
    values = job_values(row)
    job = Job(**values)
    reason = gate(job)
    if reason is not None:
        if tx.run("hold", id=job.id, reason=reason).rowcount:
            tx.moved(job.plugin, job.command, State.QUEUED, State.HELD)
            tx.journal(Kind.JOB_HELD, job.id, {"reason": reason})
        return None
    if not tx.run("start_attempt", id=job.id, attempt=job.attempt, now=tx.now).rowcount:
        return None
    values.update(state=State.RUNNING, attempt=job.attempt + 1, started_at=tx.now)
    tx.moved(job.plugin, job.command, State.QUEUED, State.RUNNING)
    tx.journal(Kind.JOB_STARTED, job.id, {"attempt": job.attempt + 1})
    return _with_input(tx, Job(**values), row[_EVENT_ID], row[_RUN_AT])


def _with_input(tx: Tx, job: Job, event_id: str, ready_at: Millis) -> Claimed:
    (row,) = tx.all("attempt_input", event_id=event_id, context_id=job.context_id, plugin=job.plugin)
    context, plugin_state = row[EVENT_WIDTH:]
    return Claimed(
        job=job, event=read_event(row), context=context or b"{}", plugin_state=plugin_state or b"{}", ready_at=ready_at
    )


def promote(tx: Tx, limit: int = BATCH) -> Millis | None:
    """Makes jobs claimable whose time has come; returns when the next one is due (now, if more stand), or None."""
    for (lane,) in tx.all("promote", now=tx.now, limit=limit):
        tx.ready(lane)
    following = tx.one("next_due")
    return None if following is None else max(following[0], tx.now)


def hold_lane(tx: Tx, lane: str, reason: str, limit: int = BATCH) -> int:
    """Holds claimable jobs of a lane; returns how many. Those not yet due follow once they are."""
    rows = tx.all("hold_lane", lane=lane, reason=reason, limit=limit)
    for plugin, command in rows:
        tx.moved(plugin, command, State.QUEUED, State.HELD)
    if rows:
        tx.journal(Kind.LANE_HELD, data={"lane": lane, "reason": reason, "jobs": len(rows)})
    return len(rows)


def release(tx: Tx, usable: Mapping[str, frozenset[str]], limit: int = BATCH) -> int:
    """Queues jobs again that were held for want of a plugin or command that is there now; returns how many."""
    if tx.one("any_held") is None:
        return 0
    left = limit
    for lane, commands in usable.items():
        for command in commands if left else ():
            left -= _release(tx, lane, command, left)
    return limit - left


def _release(tx: Tx, lane: str, command: str, limit: int) -> int:
    rows = tx.all("release", lane=lane, command=command, reason=PLUGIN_UNAVAILABLE, now=tx.now, limit=limit)
    if rows:
        tx.journal(Kind.LANE_RELEASED, data={"lane": lane, "command": command, "jobs": len(rows)})
    for due, run_at in rows:
        tx.moved(lane, command, State.HELD, State.QUEUED)
        if due:
            tx.ready(lane)
        else:
            tx.signal(Due(run_at))
    return len(rows)
