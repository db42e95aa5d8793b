"""Claims: which queued jobs start now, lane by lane."""

import heapq
from collections.abc import Mapping

from ductile.model.claims import MAX_MOVED_JOBS, Claims, Defer, Gate, Hold
from ductile.model.job import ClaimedJob, Job, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, LaneDrained
from ductile.store.rows import EVENT_WIDTH, JOB_WIDTH, job_values, read_event
from ductile.store.transaction import Row, Tx

_Head = tuple[int, int, str, Row, "_Lane"]
"""What jobs compare by (minus the priority, run_at, id), the row, and its lane."""


def claim(tx: Tx, free: Mapping[str, int], total: int, gate: Gate) -> Claims:
    """Starts at most `total` attempts, and in each lane at most as many as it has free slots.

    The best of all lanes goes first: by priority, then by the time it became due, then by id. A job that its gate
    holds or defers takes no slot; after 512 of those, the lanes that are left are signalled anew. The cost
    depends on the lanes and slots asked for, not on what waits in them.
    """
    lanes = [_Lane(lane, slots) for lane, slots in free.items() if slots > 0] if total > 0 else []
    share = -(-total // len(lanes)) if lanes else 0
    heads: list[_Head] = []
    claimed: list[ClaimedJob] = []
    for lane in lanes:
        lane.read_heads(tx, share, heads)
    refused = 0
    while heads and len(claimed) < total and refused < MAX_MOVED_JOBS:
        *_, row, lane = heapq.heappop(heads)
        lane.read -= 1
        start = _start(tx, row, gate)
        if start is not None:
            claimed.append(start)
            lane.slots -= 1
        else:
            refused += 1
        if not (lane.read or lane.drained) and lane.slots:
            lane.read_heads(tx, share, heads)
    if refused == MAX_MOVED_JOBS:  # the batch stays short: whoever is left asks again
        for name in dict.fromkeys(lane.name for *_, lane in heads):
            tx.notify_ready(name)
    drained = [lane.name for lane in lanes if lane.drained and not lane.read]
    for name in drained:
        tx.notify(LaneDrained(name))
    return Claims(tuple(claimed), frozenset(drained))


class _Lane:
    """A lane that is claimed from."""

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.slots = slots
        """Attempts that may still start in it."""
        self.read = 0
        """Jobs of it that were read and not decided on."""
        self.drained = False
        """Whether nothing stands behind what was read."""

    def read_heads(self, tx: Tx, share: int, heads: list[_Head]) -> None:
        """Reads its next jobs: no more than it has slots, nor than its share of all that are asked for."""
        limit = min(self.slots, share)
        rows = tx.rows("claim_heads", lane=self.name, limit=limit)
        self.read = len(rows)
        self.drained = len(rows) < limit
        for row in rows:
            heapq.heappush(heads, (-row[_PRIORITY], row[_RUN_AT], row[_ID], row, self))


_ID, _PRIORITY = 0, 10
_RUN_AT = JOB_WIDTH + 1
_EVENT = JOB_WIDTH + 2
_CONTEXT = _EVENT + EVENT_WIDTH


def _start(tx: Tx, row: Row, gate: Gate) -> ClaimedJob | None:
    values = job_values(row)
    values.update(state=State.RUNNING, attempt=values["attempt"] + 1, started_at=tx.now)
    job = Job(**values)
    answer = gate(job)
    if answer is not None:
        _keep_back(tx, job, answer)
        return None
    tx.insert_deferred("start_attempt", id=job.id, attempt=job.attempt, now=tx.now, owner=tx.owner)
    tx.count_transition(job.plugin, job.command, State.QUEUED, State.RUNNING)
    tx.journal(EntryKind.JOB_STARTED, job.id, {"attempt": job.attempt})
    return ClaimedJob(
        job=job,
        event=read_event(row[_EVENT:_CONTEXT]),
        context=row[_CONTEXT] or b"{}",
        plugin_state=row[_CONTEXT + 1] or b"{}",
        ready_at=row[_RUN_AT],
    )


def _keep_back(tx: Tx, job: Job, answer: Hold | Defer) -> None:
    if isinstance(answer, Defer):
        until = max(answer.until, tx.now + 1)  # a time that has passed would be asked for again at once, for ever
        tx.insert_deferred("defer", id=job.id, until=until)
        tx.notify(JobDue(until))
        return
    tx.insert_deferred("hold", id=job.id, reason=answer.reason)
    tx.count_transition(job.plugin, job.command, State.QUEUED, State.HELD)
    tx.journal(EntryKind.JOB_HELD, job.id, {"reason": answer.reason})
