"""Claims: which queued jobs start now, lane by lane; and what holds a lane and lets it go."""

import heapq
from collections.abc import Callable, Mapping

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import ClaimedJob, Job, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, LaneDrained
from ductile.store.rows import EVENT_WIDTH, JOB_WIDTH, Row, job_values, read_event
from ductile.store.sqlite.transaction import Tx

Gate = Callable[[Job], str | None]
"""Asked for a job as it would start, before it does: None admits it, anything else is why it is held."""

PLUGIN_UNAVAILABLE = "plugin_unavailable"
"""Why a job is held whose plugin or command is not there; `release` lets it go."""

MAX_MOVED_JOBS = 512
"""Jobs that one transaction moves at most."""

_Head = tuple[int, int, str, Row, "_Lane"]
"""What jobs compare by (minus the priority, run_at, id), the row, and its lane."""


class Claims(Struct, frozen=True):
    """The attempts to start now, in order, and the lanes that have no ready job left (each signalled as `Drained`)."""

    claimed: tuple[ClaimedJob, ...]
    drained: frozenset[str]


def claim(tx: Tx, free: Mapping[str, int], total: int, gate: Gate) -> Claims:
    """Starts at most `total` attempts, and in each lane at most as many as it has free slots.

    The best of all lanes goes first: by priority, then by the time it became due, then by id. A job that its gate
    refuses becomes held and takes no slot; after 512 of those, the lanes that are left are signalled anew. The cost
    depends on the lanes and slots asked for, not on what waits in them.
    """
    lanes = [_Lane(lane, slots) for lane, slots in free.items() if slots > 0] if total > 0 else []
    share = -(-total // len(lanes)) if lanes else 0
    heads: list[_Head] = []
    claimed: list[ClaimedJob] = []
    for lane in lanes:
        lane.look(tx, share, heads)
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
            lane.look(tx, share, heads)
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

    def look(self, tx: Tx, share: int, heads: list[_Head]) -> None:
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
    reason = gate(job)
    if reason is not None:
        tx.insert_deferred("hold", id=job.id, reason=reason)
        tx.count_transition(job.plugin, job.command, State.QUEUED, State.HELD)
        tx.journal(EntryKind.JOB_HELD, job.id, {"reason": reason})
        return None
    tx.insert_deferred("start_attempt", id=job.id, attempt=job.attempt, now=tx.now)
    tx.count_transition(job.plugin, job.command, State.QUEUED, State.RUNNING)
    tx.journal(EntryKind.JOB_STARTED, job.id, {"attempt": job.attempt})
    return ClaimedJob(
        job=job,
        event=read_event(row[_EVENT:_CONTEXT]),
        context=row[_CONTEXT] or b"{}",
        plugin_state=row[_CONTEXT + 1] or b"{}",
        ready_at=row[_RUN_AT],
    )


def promote(tx: Tx, limit: int = MAX_MOVED_JOBS) -> Millis | None:
    """Makes jobs claimable whose time has come; returns when the next one is due (now, if more stand), or None."""
    for (lane,) in tx.rows("promote", now=tx.now, limit=limit):
        tx.notify_ready(lane)
    following = tx.row("next_due")
    return None if following is None else max(following[0], tx.now)


def hold_lane(tx: Tx, lane: str, reason: str, limit: int = MAX_MOVED_JOBS) -> int:
    """Holds claimable jobs of a lane; returns how many. Those not yet due follow once they are."""
    rows = tx.rows("hold_lane", lane=lane, reason=reason, limit=limit)
    for plugin, command in rows:
        tx.count_transition(plugin, command, State.QUEUED, State.HELD)
    if rows:
        tx.journal(EntryKind.LANE_HELD, data={"lane": lane, "reason": reason, "jobs": len(rows)})
    return len(rows)


def release(tx: Tx, usable: Mapping[str, frozenset[str]], limit: int = MAX_MOVED_JOBS) -> int:
    """Queues jobs again that were held for want of a plugin or command that is there now; returns how many."""
    if tx.row("any_held") is None:
        return 0
    left = limit
    for lane, commands in usable.items():
        for command in commands if left else ():
            left -= _release(tx, lane, command, left)
    return limit - left


def _release(tx: Tx, lane: str, command: str, limit: int) -> int:
    rows = tx.rows("release", lane=lane, command=command, reason=PLUGIN_UNAVAILABLE, now=tx.now, limit=limit)
    if rows:
        tx.journal(EntryKind.LANE_RELEASED, data={"lane": lane, "command": command, "jobs": len(rows)})
    for due, run_at in rows:
        tx.count_transition(lane, command, State.HELD, State.QUEUED)
        if due:
            tx.notify_ready(lane)
        else:
            tx.notify(JobDue(run_at))
    return len(rows)
