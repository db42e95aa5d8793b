"""Metrics in Prometheus' text formats.

Imported with the first scrape: Prometheus' library takes a fiftieth of a start to import.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as _openmetrics
from prometheus_client.registry import Collector

from ductile.observe.instruments import Counter, Histogram, Labels, Metric

_PROCESS_COLLECTOR = ProcessCollector(registry=None)


def instrument_family(instrument: Counter | Histogram) -> Family:
    """A counter or histogram as Prometheus' library represents it."""
    return _counter_family(instrument) if isinstance(instrument, Counter) else _histogram_family(instrument)


def _counter_family(counter: Counter) -> Family:
    family = CounterMetricFamily(counter.metric.name, counter.metric.help, labels=counter.metric.labels)
    for labels, value in counter.series.items():
        family.add_metric(labels, value)
    return family


def _histogram_family(histogram: Histogram) -> Family:
    family = HistogramMetricFamily(histogram.metric.name, histogram.metric.help, labels=histogram.metric.labels)
    names = [*map(str, histogram.metric.buckets), "+Inf"]
    for labels, series in histogram.series.items():
        below, buckets = 0, []
        for name, n in zip(names, series.counts, strict=True):
            below += n
            buckets.append((name, float(below)))  # buckets are cumulative
        family.add_metric(labels, buckets, series.total)
    return family


def gauge_family(metric: Metric, values: Mapping[Labels, float]) -> Family:
    """A gauge with its current values."""
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def info_family(metric: Metric, values: Mapping[str, str]) -> Family:
    """An info metric, whose values do not change."""
    return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help, value=dict(values))


def process_families() -> Iterable[Family]:
    """Metrics of this process from the operating system."""
    return _PROCESS_COLLECTOR.collect()


def format_metrics(families: Iterable[Family], *, openmetrics: bool) -> tuple[bytes, str]:
    """The text of all metrics, and its content type."""
    scrape = Scrape(families)
    if openmetrics:
        return _openmetrics(scrape), CONTENT_TYPE_OPENMETRICS  # type: ignore[no-untyped-call]  # theirs
    return generate_latest(scrape), CONTENT_TYPE_PLAIN_0_0_4


class Scrape(Collector):
    """One scrape of all metrics; no registry outlives it."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Family]:
        """All metrics of the scrape."""
        return self._families
