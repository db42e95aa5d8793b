"""`GET /metrics` over HTTP."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from support.web import Web

from ductile import parts
from ductile.config.reload import FinishedReload, ReloadRefused
from ductile.errors import Unavailable
from ductile.maintenance import metrics_sampler as module
from ductile.maintenance.metrics_sampler import MetricsSampler
from ductile.model.route import rows_of
from ductile.observe.metrics import ALL_METRICS


async def scrape(web: Web, accept: str | None = None, *, token: str | None = None) -> tuple[int, Any, str]:
    headers = {"Accept": accept} if accept else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with web.session.get(f"{web.url}/metrics", headers=headers) as response:
        return response.status, response.headers, await response.text()


def labelled(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Label values in the order in which the metrics name them, which scrapes do not keep."""
    order = ["plugin", "command", "outcome", "route", "method", "status", "state", "result"]
    known = [labels[name] for name in order if name in labels]
    return (*known, *(value for name, value in labels.items() if name not in order))


async def read(web: Web) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name → label values → value."""
    status, _, text = await scrape(web)
    assert status == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in read_text(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[labelled(sample.labels)] = sample.value
    return found


async def test_jobs_are_counted_by_state_and_the_oldest_one_has_an_age(web: Web) -> None:
    assert (await read(web))["ductile_oldest_queued_seconds"] == {(): 0}
    await web.post("/plugin/echo/poll")
    web.clock.now += 2500
    await web.post("/plugin/echo/poll")
    found = await read(web)
    assert found["ductile_jobs"]["queued",] == 2
    assert found["ductile_jobs"]["dead",] == 0
    assert found["ductile_oldest_queued_seconds"] == {(): 2.5}
    await web.claim()
    found = await read(web)
    assert (found["ductile_jobs"]["running",], found["ductile_oldest_queued_seconds"][()]) == (1, 0)


async def test_a_job_for_later_is_not_one_that_waits(web: Web) -> None:
    await web.post("/plugin/echo/poll", {"payload": {}, "run_at": "2033-01-01T00:00:00Z"})
    web.clock.now += 60_000
    assert (await read(web))["ductile_oldest_queued_seconds"] == {(): 0}


async def test_requests_are_counted_by_their_row(web: Web) -> None:
    await web.post("/plugin/echo/poll")
    await web.get("/job/nonsense")
    await web.get("/job/nonsense/")
    await web.get("/no/such/path")
    await web.get("/jobs", token=None)
    found = await read(web)
    assert found["ductile_http_requests_total"] == {
        ("/plugin/{plugin}/{command}", "POST", "202"): 1,
        ("/job/{job_id}", "GET", "404"): 2,
        ("(none)", "GET", "404"): 1,
        ("/jobs", "GET", "401"): 1,
    }
    assert found["ductile_http_submit_duration_seconds_count"] == {("/plugin/{plugin}/{command}",): 1}


async def test_the_gateway_is_described(web: Web) -> None:
    web.control.paused, web.control.running = True, 3
    found = await read(web)
    assert found["ductile_paused"] == {(): 1}
    assert found["ductile_attempts_running"] == {(): 3}
    assert found["ductile_workers"] == {(): 4}
    assert found["ductile_plugins"] == {("loaded",): 2, ("quarantined",): 1, ("disabled",): 1}
    assert found["ductile_config_generation"] == {(): 1}
    assert found["ductile_config_last_reload_successful"] == {(): 1}
    web.live.last_error = {"message": "no"}
    assert (await read(web))["ductile_config_last_reload_successful"] == {(): 0}


async def test_those_who_follow_events_are_counted(web: Web) -> None:
    async with web.session.get(f"{web.url}/events", headers={"Authorization": "Bearer listener-token"}):
        assert (await read(web))["ductile_event_followers"] == {(): 1}


async def test_a_store_that_cannot_be_read_is_told_and_the_rest_is_there(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> Any:
        raise Unavailable(reason="no")

    monkeypatch.setattr(web.store, "depth", fail)
    found = await read(web)
    assert found["ductile_store_readable"] == {(): 0}
    assert "ductile_jobs" not in found
    assert found["ductile_workers"] == {(): 4}
    monkeypatch.undo()
    assert (await read(web))["ductile_store_readable"] == {(): 1}


async def test_openmetrics_is_spoken_where_it_is_asked_for(web: Web) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    status, headers, text = await scrape(web, accept)
    assert (status, headers["Content-Type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert {family.name for family in read_openmetrics(text)} >= {"ductile_jobs", "ductile_http_requests"}


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain", "nonsense", "application/openmetrics-text;q=0", "a;b="])
async def test_everybody_else_gets_text(web: Web, accept: str | None) -> None:
    status, headers, text = await scrape(web, accept)
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert headers["Cache-Control"] == "no-store"
    assert list(read_text(text))


async def test_it_is_public_unless_the_configuration_says_otherwise(web: Web) -> None:
    assert (await scrape(web))[0] == 200
    api = replace(web.live.snapshot.api, metrics_public=False)
    served = replace(web.live.snapshot, api=api)
    web.live.snapshot = replace(served, rows=rows_of(parts.SURFACES, served))
    status, headers, _ = await scrape(web)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await scrape(web, token="writer-token"))[0] == 403
    for token in ("reader-token", "canceller-token", "admin-token"):
        assert (await scrape(web, token=token))[0] == 200


async def test_head_says_the_same_without_a_body(web: Web) -> None:
    answer = await web.call("HEAD", "/metrics", token=None)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_openapi_lists_every_metric(web: Web) -> None:
    about = (await web.get("/openapi.json")).json["paths"]["/metrics"]["get"]["description"]
    assert [metric.name for metric in ALL_METRICS if f"`{metric.name}`" not in about] == []


async def test_the_sampler_brings_commits_reloads_and_the_lag_of_the_loop(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAG_SAMPLE_INTERVAL_SECONDS", 0.001)
    listeners: list[Any] = []
    live: Any = type("LiveConfig", (), {"on_finish": lambda _self, listener: listeners.append(listener)})()
    sampler = MetricsSampler(web.gateway.metrics, web.store, live, web.clock)
    await sampler.start()
    sampled = asyncio.Event()
    record_lag = web.gateway.metrics.record_lag
    monkeypatch.setattr(web.gateway.metrics, "record_lag", lambda seconds: (record_lag(seconds), sampled.set()))
    await sampled.wait()
    await web.post("/plugin/echo/poll")
    old, new = web.live.snapshot, replace(web.live.snapshot, generation=2)
    for reload in (
        FinishedReload(cause="api", old=old, new=new),
        FinishedReload(cause="api", old=new, new=new),
        FinishedReload(cause="api", old=new, new=new, refusal=ReloadRefused(found="an error", errors=[])),
    ):
        await listeners[0](reload)
    await sampler.stop()
    found = await read(web)
    assert found["ductile_config_reloads_total"] == {("changed",): 1, ("unchanged",): 1, ("refused",): 1}
    assert found["ductile_config_last_reload_timestamp_seconds"] == {(): 1_700_000_000}
    assert found["ductile_store_commits_total"][()] == 1
    assert found["ductile_store_batch_operations_sum"][()] == 1
    assert found["ductile_event_loop_lag_seconds_count"][()] >= 1
