"""What is counted and measured, in the fewest steps: these run for every request, attempt and commit.

A counter or histogram belongs to one thread, so it needs no lock. `ductile.observe.exposition` writes them as
Prometheus reads them.
"""

from bisect import bisect_left
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

SERIES = 1000
"""Label values of one metric, at most; what comes beyond is counted together."""
OTHER = "(other)"
"""The value of every label of what is counted together."""

Labels = tuple[str, ...]


class Type(StrEnum):
    """What Prometheus makes of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Metric(Struct, frozen=True, kw_only=True, eq=False):
    """One metric: its name as it is scraped, with its unit."""

    name: str
    type: Type
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()
    """Of a histogram the upper bounds, without infinity."""


class Counter:
    """Only rises."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.series: dict[Labels, float] = {} if metric.labels else {(): 0.0}

    def add(self, labels: Labels = (), n: float = 1.0) -> None:
        """Count n more."""
        series = self.series
        if labels not in series:
            labels = bounded(labels, series)
            series.setdefault(labels, 0.0)
        series[labels] += n


class Spread(Struct):
    """How the values of one series spread."""

    counts: list[int]
    """Of each bucket, without those below it; the last one is beyond all bounds."""
    total: float = 0.0
    """The sum of the values."""


class Histogram:
    """How often a value was up to each bound, and the sum of all."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._bounds = metric.buckets
        self.series: dict[Labels, Spread] = {}
        if not metric.labels:
            self._begin(())

    def add(self, value: float, labels: Labels = ()) -> None:
        """Put a value in."""
        spread = self.series.get(labels) or self._begin(labels)
        spread.counts[bisect_left(self._bounds, value)] += 1
        spread.total += value

    def _begin(self, labels: Labels) -> Spread:
        labels = bounded(labels, self.series)
        return self.series.setdefault(labels, Spread([0] * (len(self._bounds) + 1)))


def bounded(labels: Labels, series: Mapping[Labels, object]) -> Labels:
    """These label values, or those of all the rest where there are too many already."""
    return labels if len(series) < SERIES else (OTHER,) * len(labels)
