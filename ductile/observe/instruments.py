"""Counters and histograms, made for speed: they run for every request, attempt and commit.

Each belongs to one thread, so it needs no lock. `ductile.observe.exposition` writes them in Prometheus' formats.
"""

from bisect import bisect_left
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

MAX_SERIES = 1000
"""The most series of one metric; further label values are counted together."""
OTHER_LABEL = "(other)"
"""The label value of the series that are counted together."""

Labels = tuple[str, ...]


class MetricType(StrEnum):
    """Prometheus' types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Metric(Struct, frozen=True, kw_only=True, eq=False):
    """One metric: its full name, with its unit."""

    name: str
    type: MetricType
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, without infinity."""


class Counter:
    """A counter, which only rises."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.series: dict[Labels, float] = {} if metric.labels else {(): 0.0}

    def add(self, labels: Labels = (), n: float = 1.0) -> None:
        """Add n to a series."""
        series = self.series
        if labels not in series:
            labels = limit_labels(labels, series)
            series.setdefault(labels, 0.0)
        series[labels] += n


class Series(Struct):
    """The values of one series of a histogram."""

    counts: list[int]
    """Values in each bucket, without those below it; the last bucket is beyond all bounds."""
    total: float = 0.0
    """The sum of the values."""


class Histogram:
    """A histogram: the number of values up to each bound, and their sum."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._bounds = metric.buckets
        self.series: dict[Labels, Series] = {}
        if not metric.labels:
            self._add_series(())

    def add(self, value: float, labels: Labels = ()) -> None:
        """Add a value to a series."""
        spread = self.series.get(labels) or self._add_series(labels)
        spread.counts[bisect_left(self._bounds, value)] += 1
        spread.total += value

    def _add_series(self, labels: Labels) -> Series:
        labels = limit_labels(labels, self.series)
        return self.series.setdefault(labels, Series([0] * (len(self._bounds) + 1)))


def limit_labels(labels: Labels, series: Mapping[Labels, object]) -> Labels:
    """These label values, or `OTHER_LABEL` for each where a metric has too many series."""
    return labels if len(series) < MAX_SERIES else (OTHER_LABEL,) * len(labels)
