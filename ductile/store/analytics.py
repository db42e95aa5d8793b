"""What waits and runs, and what has become of the jobs of late. Every number comes from kept counts or index probes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import ceil

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import ENDED, PIPELINE, State
from ductile.store.moment import Moment

MEASURED = 10_000
"""Attempts whose durations are looked at, the newest ones."""

Counts = Mapping[str, Mapping[State, int]]
"""Plugin → state → how many jobs."""


class Backlog(Struct, frozen=True, kw_only=True):
    """What waits and runs now. Roots of runs do neither."""

    by_plugin: Counts
    oldest: Millis | None
    """Since when the job waits that could have started first; None where none could."""


class Recent(Struct, frozen=True, kw_only=True):
    """What has become of the jobs that were submitted since a time, and of all that have not ended."""

    by_plugin: Counts
    durations: Sequence[Millis]
    """Of the newest attempts that ended since then, at most `MEASURED`, the shortest first."""

    def percentile(self, share: int) -> Millis | None:
        """The duration that so many of a hundred attempts did not exceed (nearest rank); None where none ended."""
        if not self.durations:
            return None
        return self.durations[ceil(len(self.durations) * share / 100) - 1]


def backlog(moment: Moment) -> Backlog:
    """What waits and runs now."""
    counts = _open(moment)
    counts.pop(PIPELINE, None)
    oldest = moment.one("oldest_waiting")
    return Backlog(by_plugin=counts, oldest=oldest[0] if oldest else None)


def recent(moment: Moment, since: Millis) -> Recent:
    """What has become of the jobs of late."""
    counts = _open(moment)
    # Ids of jobs begin with the time at which they were made (UUIDv7).
    for plugin, state, n in moment.all("ended_since", id=f"{since >> 16:08x}-{since & 0xFFFF:04x}"):
        if n:
            counts[plugin][State(state)] = n
    durations = [n for (n,) in moment.all("durations", since=since, limit=MEASURED)]
    return Recent(by_plugin=counts, durations=durations)


def _open(moment: Moment) -> defaultdict[str, Counter[State]]:
    counts: defaultdict[str, Counter[State]] = defaultdict(Counter)
    for plugin, _, name, n in moment.all("all_counts"):
        state = State(name)
        if state not in ENDED:
            counts[plugin][state] += n
    return counts
