"""Counters and histograms as Prometheus reads them."""

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from ductile.observe import instruments
from ductile.observe.exposition import Scrape, gauge_family, info_family, instrument_family
from ductile.observe.instruments import OTHER_LABEL, Counter, Histogram, Metric, MetricType

COUNT = Metric(name="x_total", type=MetricType.COUNTER, help="Xs.", labels=("kind",))
SPREAD = Metric(name="y_seconds", type=MetricType.HISTOGRAM, help="Ys.", labels=("kind",), buckets=(0.1, 1.0, 10.0))


def read(*families: Family) -> dict[tuple[str, ...], float]:
    """Sample name and label values → value."""
    text = generate_latest(Scrape(families)).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_counter_counts_each_of_its_labels() -> None:
    counter = Counter(COUNT)
    counter.add(("a",))
    counter.add(("a",), 2)
    counter.add(("b",))
    assert read(instrument_family(counter)) == {("x_total", "a"): 3, ("x_total", "b"): 1}


def test_what_has_no_labels_is_there_from_the_first() -> None:
    plain = Counter(Metric(name="x_total", type=MetricType.COUNTER, help="Xs."))
    spread = Histogram(Metric(name="y_seconds", type=MetricType.HISTOGRAM, help="Ys.", buckets=(1.0,)))
    assert read(instrument_family(plain)) == {("x_total",): 0}
    assert read(instrument_family(spread))["y_seconds_count",] == 0


@pytest.mark.parametrize(
    ("values", "below"),
    [
        ([0.05], [1, 1, 1, 1]),
        ([0.1], [1, 1, 1, 1]),
        ([0.11, 1.0], [0, 2, 2, 2]),
        ([100.0], [0, 0, 0, 1]),
        ([0.0, 0.5, 5.0, 50.0], [1, 2, 3, 4]),
    ],
)
def test_a_bucket_holds_what_is_up_to_its_bound(values: list[float], below: list[int]) -> None:
    histogram = Histogram(SPREAD)
    for value in values:
        histogram.add(value, ("a",))
    found = read(instrument_family(histogram))
    assert [found["y_seconds_bucket", "a", bound] for bound in ("0.1", "1.0", "10.0", "+Inf")] == below
    assert found["y_seconds_count", "a"] == len(values)
    assert found["y_seconds_sum", "a"] == pytest.approx(sum(values))


def test_too_many_label_values_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "MAX_SERIES", 3)
    counter, histogram = Counter(COUNT), Histogram(SPREAD)
    for name in "abcdefga":
        counter.add((name,))
        histogram.add(1, (name,))
    assert read(instrument_family(counter)) == {
        ("x_total", "a"): 2,
        ("x_total", "b"): 1,
        ("x_total", "c"): 1,
        ("x_total", OTHER_LABEL): 4,
    }
    assert read(instrument_family(histogram))["y_seconds_count", OTHER_LABEL] == 4


def test_a_gauge_and_facts_are_as_given() -> None:
    level = Metric(name="z", type=MetricType.GAUGE, help="Z.", labels=("kind",))
    facts = Metric(name="b_info", type=MetricType.INFO, help="B.")
    assert read(gauge_family(level, {("a",): 2.5}), info_family(facts, {"version": "1"})) == {
        ("z", "a"): 2.5,
        ("b_info", "1"): 1,
    }


def test_odd_label_values_are_escaped() -> None:
    counter = Counter(COUNT)
    odd = 'a"b\\c\nd'
    counter.add((odd,))
    assert read(instrument_family(counter)) == {("x_total", odd): 1}
