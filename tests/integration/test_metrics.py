"""The metrics of a real gateway, read as strictly as Prometheus reads them."""

from collections.abc import Mapping

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from support.gateway import Gateway

from ductile.observe.instruments import MetricType
from ductile.observe.metrics import ALL_METRICS

SHELL = """#!/bin/sh
cat >/dev/null
echo '{"status":"ok","result":"done"}'
"""
FAIL = """#!/bin/sh
cat >/dev/null
echo '{"status":"error","error":"no luck","retry":false}'
"""


def scrape(gateway: Gateway) -> dict[tuple[str, ...], float]:
    """Sample name and sorted `label=value` → value."""
    answer = gateway.call("GET", "/metrics", token=None)
    assert answer.status == 200
    return {
        (sample.name, *named(sample.labels)): sample.value
        for family in read_text(answer.raw.decode())
        for sample in family.samples
    }


def named(labels: Mapping[str, str]) -> list[str]:
    return sorted(f"{name}={value}" for name, value in labels.items())


def test_all_that_happens_is_counted_and_both_formats_are_sound(gateway: Gateway) -> None:
    gateway.plugin("shell", SHELL)
    gateway.plugin("fail", FAIL)
    gateway.configure()
    gateway.start()
    for _ in range(3):
        gateway.run("shell", "handle")
    gateway.run("fail", "handle")
    assert gateway.post("/plugin/shell/handle").status == 202
    gateway.idle()
    gateway.post("/system/reload")
    found = scrape(gateway)
    assert found["ductile_attempts_total", "command=handle", "outcome=succeeded", "plugin=shell"] == 4
    assert found["ductile_attempts_total", "command=handle", "outcome=failed", "plugin=fail"] == 1
    assert found["ductile_attempt_duration_seconds_count", "command=handle", "plugin=shell"] == 4
    assert found["ductile_queue_wait_seconds_count", "plugin=shell"] == 4
    assert found["ductile_jobs", "state=succeeded"] == 4
    trigger = "/plugin/{plugin}/{command}"
    assert found["ductile_http_requests_total", "method=POST", f"route={trigger}", "status=202"] == 1
    assert found["ductile_http_requests_total", "method=POST", f"route={trigger}", "status=200"] == 4
    assert found["ductile_http_submit_duration_seconds_count", f"route={trigger}"] == 1
    assert found["ductile_config_reloads_total", "result=unchanged"] == 1
    assert found["ductile_store_commits_total",] > 5
    assert found["ductile_store_batch_operations_sum",] >= found["ductile_store_commits_total",]
    assert found["process_resident_memory_bytes",] > 1_000_000
    gateway.until(lambda: scrape(gateway)["ductile_event_loop_lag_seconds_count",] > 0)
    counted = scrape(gateway)
    for metric in ALL_METRICS:
        suffix = "_count" if metric.type is MetricType.HISTOGRAM else ""
        assert any(name[0] == f"{metric.name}{suffix}" for name in counted), metric.name
    strict = gateway.call("GET", "/metrics", token=None, headers={"Accept": "application/openmetrics-text"})
    assert strict.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name: family for family in read_openmetrics(strict.raw.decode())}
    assert {metric.name.removesuffix("_total").removesuffix("_info") for metric in ALL_METRICS} <= set(families)


def test_metrics_need_a_token_where_the_configuration_says_so_and_a_reload_changes_that(gateway: Gateway) -> None:
    gateway.configure(api={"metrics_public": False})
    gateway.start()
    assert gateway.call("GET", "/metrics", token=None).status == 401
    assert gateway.call("GET", "/metrics").status == 200
    gateway.configure(api={"metrics_public": True})
    assert gateway.post("/system/reload").status == 200
    assert gateway.call("GET", "/metrics", token=None).status == 200
