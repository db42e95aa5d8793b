"""What is counted and measured, as Prometheus reads it.

Imported when somebody first asks for it: Prometheus' library takes a fiftieth of a start to import.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as _openmetrics
from prometheus_client.registry import Collector

from ductile.observe.measures import Counter, Histogram, Labels, Metric

_PROCESS = ProcessCollector(registry=None)


def family(measure: Counter | Histogram) -> Family:
    """As it is scraped."""
    return _counter(measure) if isinstance(measure, Counter) else _histogram(measure)


def _counter(measure: Counter) -> Family:
    found = CounterMetricFamily(measure.metric.name, measure.metric.help, labels=measure.metric.labels)
    for labels, value in measure.series.items():
        found.add_metric(labels, value)
    return found


def _histogram(measure: Histogram) -> Family:
    found = HistogramMetricFamily(measure.metric.name, measure.metric.help, labels=measure.metric.labels)
    names = [*map(str, measure.metric.buckets), "+Inf"]
    for labels, spread in measure.series.items():
        below, buckets = 0, []
        for name, n in zip(names, spread.counts, strict=True):
            below += n
            buckets.append((name, float(below)))  # each with all below it
        found.add_metric(labels, buckets, spread.total)
    return found


def gauge(metric: Metric, values: Mapping[Labels, float]) -> Family:
    """A value as it is now, for each of its labels."""
    found = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        found.add_metric(labels, value)
    return found


def info(metric: Metric, values: Mapping[str, str]) -> Family:
    """Facts that do not change."""
    return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help, value=dict(values))


def process() -> Iterable[Family]:
    """What the operating system says of this process."""
    return _PROCESS.collect()


def written(families: Iterable[Family], *, openmetrics: bool) -> tuple[bytes, str]:
    """The text of all, and its content type."""
    scrape = Scrape(families)
    if openmetrics:
        return _openmetrics(scrape), CONTENT_TYPE_OPENMETRICS  # type: ignore[no-untyped-call]  # theirs
    return generate_latest(scrape), CONTENT_TYPE_PLAIN_0_0_4


class Scrape(Collector):
    """One look at everything. There is no registry that outlives it."""

    def __init__(self, found: Iterable[Family]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Family]:
        """Every metric."""
        return self._found
