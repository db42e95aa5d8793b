"""What waits and runs, and what has become of the jobs of late. Every number comes from kept counts or index probes."""

from collections import Counter, defaultdict

from ductile.model.clock import Millis
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, State
from ductile.model.statistics import MAX_DURATIONS, Backlog, Recent
from ductile.store.transaction import RowReader


def backlog(reads: RowReader) -> Backlog:
    """What waits and runs now."""
    counts = _open(reads)
    counts.pop(PIPELINE_PLUGIN, None)
    oldest = reads.row("oldest_waiting")
    return Backlog(by_plugin=counts, oldest=oldest[0] if oldest else None)


def recent(reads: RowReader, since: Millis) -> Recent:
    """What has become of the jobs of late."""
    counts = _open(reads)
    # Ids of jobs begin with the time at which they were made (UUIDv7).
    for plugin, state, n in reads.rows("ended_since", id=f"{since >> 16:08x}-{since & 0xFFFF:04x}"):
        if n:
            counts[plugin][State(state)] = n
    durations = [n for (n,) in reads.rows("durations", since=since, limit=MAX_DURATIONS)]
    return Recent(by_plugin=counts, durations=durations)


def _open(reads: RowReader) -> defaultdict[str, Counter[State]]:
    counts: defaultdict[str, Counter[State]] = defaultdict(Counter)
    for plugin, _, name, n in reads.rows("all_counts"):
        state = State(name)
        if state not in ENDED_STATES:
            counts[plugin][state] += n
    return counts
