"""What is counted and measured, in the fewest steps: these run for every request, attempt and commit.

A counter or histogram belongs to one thread, so it needs no lock. They become Prometheus' text only when that is asked
for.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.core import Metric as Family

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
        self._series: dict[Labels, float] = {} if metric.labels else {(): 0.0}

    def add(self, labels: Labels = (), n: float = 1.0) -> None:
        """Count n more."""
        series = self._series
        if labels not in series:
            labels = bounded(labels, series)
            series.setdefault(labels, 0.0)
        series[labels] += n

    def family(self) -> Family:
        """As it is scraped."""
        family = CounterMetricFamily(self.metric.name, self.metric.help, labels=self.metric.labels)
        for labels, value in self._series.items():
            family.add_metric(labels, value)
        return family


class _Spread(Struct):
    counts: list[int]
    total: float = 0.0


class Histogram:
    """How often a value was up to each bound, and the sum of all."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._bounds = metric.buckets
        self._series: dict[Labels, _Spread] = {}
        if not metric.labels:
            self._begin(())

    def add(self, value: float, labels: Labels = ()) -> None:
        """Put a value in."""
        spread = self._series.get(labels) or self._begin(labels)
        spread.counts[bisect_left(self._bounds, value)] += 1
        spread.total += value

    def _begin(self, labels: Labels) -> _Spread:
        labels = bounded(labels, self._series)
        return self._series.setdefault(labels, _Spread([0] * (len(self._bounds) + 1)))

    def family(self) -> Family:
        """As it is scraped: each bucket with all below it."""
        family = HistogramMetricFamily(self.metric.name, self.metric.help, labels=self.metric.labels)
        names = [*map(str, self._bounds), "+Inf"]
        for labels, spread in self._series.items():
            below, buckets = 0, []
            for name, n in zip(names, spread.counts, strict=True):
                below += n
                buckets.append((name, float(below)))
            family.add_metric(labels, buckets, spread.total)
        return family


def bounded(labels: Labels, series: Mapping[Labels, object]) -> Labels:
    """These label values, or those of all the rest where there are too many already."""
    return labels if len(series) < SERIES else (OTHER,) * len(labels)


def gauge(metric: Metric, values: Mapping[Labels, float]) -> Family:
    """A value as it is now, for each of its labels."""
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def info(metric: Metric, values: Mapping[str, str]) -> Family:
    """Facts that do not change."""
    return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help, value=dict(values))


def families(*measures: Counter | Histogram) -> Iterator[Family]:
    """Each as it is scraped."""
    return (measure.family() for measure in measures)
