"""How many jobs wait, run and have ended, and how long attempts took."""

from collections.abc import Mapping, Sequence
from math import ceil

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import State

MAX_DURATIONS = 10_000
"""Attempts whose durations are read, the newest ones."""

CountsByPlugin = Mapping[str, Mapping[State, int]]
"""Plugin → state → how many jobs."""


class Backlog(Struct, frozen=True, kw_only=True):
    """What waits and runs now. Roots of runs do neither."""

    by_plugin: CountsByPlugin
    oldest: Millis | None
    """Since when the job waits that could have started first; None where none could."""


class Recent(Struct, frozen=True, kw_only=True):
    """What has become of the jobs that were submitted since a time, and of all that have not ended."""

    by_plugin: CountsByPlugin
    durations: Sequence[Millis]
    """Of the newest attempts that ended since then, at most `MAX_DURATIONS`, the shortest first."""

    def percentile(self, share: int) -> Millis | None:
        """The duration that so many of a hundred attempts did not exceed (nearest rank); None where none ended."""
        if not self.durations:
            return None
        return self.durations[ceil(len(self.durations) * share / 100) - 1]
