"""The list of metrics, and what each callback changes."""

import re
from collections.abc import Mapping

import pytest
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from ductile.model.route import Route
from ductile.observe import metrics as module
from ductile.observe.instruments import Metric, MetricType
from ductile.observe.metrics import ALL_METRICS, OPENMETRICS_MEDIA, Metrics, Readings

GAUGES: Readings = {
    metric: {("x",) * len(metric.labels): 1.0} for metric in ALL_METRICS if metric.type is MetricType.GAUGE
}


def sample_route(path: str) -> Route:
    async def handler(_ask: object) -> None:
        return None

    return Route(method="POST", path=path, handler=handler, summary="x")


def label_values(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Label values in the order in which the metrics name them, which scrapes do not keep."""
    order = ["plugin", "command", "outcome", "route", "method", "status", "state", "result"]
    known = [labels[name] for name in order if name in labels]
    return (*known, *(value for name, value in labels.items() if name not in order))


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Label values → value, of one sample name."""
    families = read_text(metrics.expose({}).body.decode())
    return {
        label_values(sample.labels): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def sample_metrics() -> Metrics:
    """One of which every metric has a sample."""
    metrics = Metrics("1.2")
    metrics.count_attempt("echo", "say", "succeeded", 0.2, 0.01)
    metrics.count_request(sample_route("/plugin/{plugin}/{command}"), "POST", 202, 0.002)
    metrics.count_commit(3, 0.001)
    metrics.count_commit(3, None)
    metrics.record_lag(0.0)
    metrics.count_reload("changed", 5.0)
    return metrics


def test_every_metric_that_is_defined_is_in_the_list_once() -> None:
    defined = [value for value in vars(module).values() if isinstance(value, Metric)]
    assert sorted(metric.name for metric in defined) == sorted(metric.name for metric in ALL_METRICS)
    assert len({metric.name for metric in ALL_METRICS}) == len(ALL_METRICS)


@pytest.mark.parametrize("metric", ALL_METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions_of_prometheus(metric: Metric) -> None:
    assert re.fullmatch(r"ductile(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.type is MetricType.COUNTER)
    assert metric.name.endswith("_info") == (metric.type is MetricType.INFO)
    assert bool(metric.buckets) == (metric.type is MetricType.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert re.fullmatch(r"[A-Z0-9].*\.", metric.help)
    assert not {"le", "quantile"} & set(metric.labels)
    assert not re.search(r"_(ms|millis|minutes|kb|mb)(_|$)", metric.name)


def families(text: str, *, openmetrics: bool) -> list[Family]:
    return list(read_openmetrics(text) if openmetrics else read_text(text))


@pytest.mark.parametrize("media", ["text/plain", OPENMETRICS_MEDIA])
def test_what_is_exposed_is_what_is_listed_with_its_help_and_type(media: str) -> None:
    openmetrics = media == OPENMETRICS_MEDIA
    exposition = sample_metrics().expose(GAUGES, media)
    found = {
        family.name: family
        for family in families(exposition.body.decode(), openmetrics=openmetrics)
        if not family.name.startswith("process_")
    }
    for metric in ALL_METRICS:
        base = metric.name.removesuffix("_total").removesuffix("_info" if openmetrics else "_never")
        family = found.pop(base)
        type_ = "gauge" if metric.type is MetricType.INFO and not openmetrics else metric.type.value
        assert (family.documentation, family.type) == (metric.help, type_)
        assert family.samples, metric.name
        if metric.type is not MetricType.INFO:
            labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
            assert labels == {frozenset(metric.labels)}
    assert found == {}


def test_openmetrics_ends_as_it_must_and_says_what_it_is() -> None:
    exposition = sample_metrics().expose({}, OPENMETRICS_MEDIA)
    assert exposition.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert exposition.body.endswith(b"# EOF\n")
    assert sample_metrics().expose({}).content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_nothing_is_exposed_twice() -> None:
    text = sample_metrics().expose(GAUGES).body.decode()
    types = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(types) == len(set(types))


def test_two_gateways_in_one_process_count_by_themselves() -> None:
    one, other = Metrics("1"), Metrics("1")
    one.count_commit(1, 0.1)
    assert samples(one, "ductile_store_commits_total") == {(): 1}
    assert samples(other, "ductile_store_commits_total") == {(): 0}


def test_an_attempt_is_counted_with_its_outcome_its_time_and_its_wait() -> None:
    metrics = Metrics("1")
    metrics.count_attempt("echo", "say", "failed", 0.2, 3.0)
    assert samples(metrics, "ductile_attempts_total") == {("echo", "say", "failed"): 1}
    assert samples(metrics, "ductile_attempt_duration_seconds_sum") == {("echo", "say"): 0.2}
    assert samples(metrics, "ductile_queue_wait_seconds_sum") == {("echo",): 3.0}


def test_a_request_is_counted_by_its_row_and_never_by_what_the_client_wrote() -> None:
    metrics = Metrics("1")
    metrics.count_request(sample_route("/job/{job_id}"), "POST", 202, 0.01)
    metrics.count_request(sample_route("/job/{job_id}"), "POST", 400, 0.01)
    metrics.count_request(None, "BREW", 404, 0.01)
    assert samples(metrics, "ductile_http_requests_total") == {
        ("/job/{job_id}", "POST", "202"): 1,
        ("/job/{job_id}", "POST", "400"): 1,
        ("(none)", "(other)", "404"): 1,
    }
    assert samples(metrics, "ductile_http_submit_duration_seconds_count") == {("/job/{job_id}",): 1}
    assert samples(metrics, "ductile_http_request_duration_seconds_count") == {
        ("/job/{job_id}", "POST"): 2,
        ("(none)", "(other)"): 1,
    }


def test_commits_and_failures_are_told_apart() -> None:
    metrics = Metrics("1")
    metrics.count_commit(7, 0.002)
    metrics.count_commit(512, None)
    assert samples(metrics, "ductile_store_commits_total") == {(): 1}
    assert samples(metrics, "ductile_store_failures_total") == {(): 1}
    assert samples(metrics, "ductile_store_batch_operations_sum") == {(): 7}
    assert samples(metrics, "ductile_store_commit_duration_seconds_count") == {(): 1}


def test_the_version_is_told() -> None:
    assert ["1.2" in labels for labels in samples(Metrics("1.2"), "ductile_build_info")] == [True]
