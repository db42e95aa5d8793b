"""Numbers over HTTP, and letting go of what waits."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.gateway import Gateway
from support.sample_gateway import add_sample_plugins, is_error, open_gate, token_of

STATES = {"queued", "running", "held", "succeeded", "failed", "timed_out", "dead", "cancelled"}
QUEUE = {"queue_depth", "running", "held", "oldest_queued_seconds", "workers", "by_plugin"}
SUMMARY = {"window", "stats", "total", "by_plugin", "success_rate", "duration_ms"}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of its own: what it counts is what these tests do."""
    gateway = Gateway(tmp_path_factory.mktemp("busy"))
    try:
        yield add_sample_plugins(gateway).start()
    finally:
        gateway.close()


def later(gateway: Gateway, plugin: str = "shell", command: str = "handle", n: int = 1) -> list[str]:
    """Jobs that wait for a time that does not come."""
    body = {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}
    return [gateway.post(f"/plugin/{plugin}/{command}", body).body["job_id"] for _ in range(n)]


def purged(gateway: Gateway, **body: Any) -> int:
    """Purge, after a dry run that must say the same and change nothing."""
    tried = gateway.post("/queue/purge?dry_run=true", body)
    assert (tried.status, tried.body["dry_run"]) == (200, True)
    done = gateway.post("/queue/purge", body)
    assert (done.status, done.body) == (200, {"purged": tried.body["purged"]})
    found: int = done.body["purged"]
    return found


def test_an_idle_gateway_has_a_queue_of_nothing(busy: Gateway) -> None:
    queue = busy.get("/analytics/queue")
    assert queue == {
        "queue_depth": 0,
        "running": 0,
        "held": 0,
        "oldest_queued_seconds": 0,
        "workers": {"max": 16, "busy": 0, "utilization": 0},
        "by_plugin": {},
    }
    summary = busy.get("/analytics/summary")
    assert set(summary) >= SUMMARY
    assert (summary["total"], summary["success_rate"]) == (0, None)
    assert summary["duration_ms"] == {"p50": None, "p95": None, "p99": None}


def test_a_busy_one_says_what_waits_and_runs(busy: Gateway) -> None:
    jobs = [busy.post("/plugin/single/handle", {"gate": "busy"}).body["job_id"] for _ in range(3)]
    run_id = busy.post("/pipeline/waits", {"gate": "busy"}).body["job_id"]
    busy.until(lambda: busy.get("/analytics/queue")["running"] == 2)
    queue = busy.get("/analytics/queue")
    assert set(queue) == QUEUE
    assert (queue["queue_depth"], queue["held"]) == (2, 0)
    assert queue["workers"] == {"max": 16, "busy": 2, "utilization": 0.125}
    assert queue["by_plugin"]["single"] == {"queued": 2, "running": 1, "held": 0}
    assert queue["by_plugin"]["gate"] == {"queued": 0, "running": 1, "held": 0}
    assert 0 < busy.until(lambda: busy.get("/analytics/queue")["oldest_queued_seconds"]) < 60
    stats = busy.get("/analytics/summary")["stats"]
    assert (stats["queued"], stats["running"]) == (2, 3), "two attempts, and the root of a run"
    open_gate(busy, "busy")
    for job_id in (*jobs, run_id):
        assert busy.get(f"/job/{job_id}?wait=20")["status"] == "succeeded"


def test_the_summary_counts_the_ends_of_the_last_day(busy: Gateway) -> None:
    before = busy.get("/analytics/summary")
    for _ in range(3):
        busy.run("fail", "handle")
        busy.run("shell", "peek")
    busy.post(f"/job/{later(busy)[0]}/cancel")
    summary = busy.get("/analytics/summary")
    assert set(summary) >= SUMMARY
    assert summary["window"] == "24h"
    assert set(summary["stats"]) == STATES
    assert summary["total"] == sum(summary["stats"].values()) == before["total"] + 7 == busy.get("/jobs")["total"]
    grown = {state: n - before["stats"][state] for state, n in summary["stats"].items()}
    assert {state: n for state, n in grown.items() if n} == {"succeeded": 3, "failed": 3, "cancelled": 1}
    assert summary["success_rate"] == round(summary["stats"]["succeeded"] / summary["total"], 4)
    assert summary["by_plugin"]["fail"]["stats"]["failed"] == summary["by_plugin"]["fail"]["total"] == 3
    assert summary["by_plugin"]["fail"]["success_rate"] == 0
    durations = summary["duration_ms"]
    assert set(durations) == {"p50", "p95", "p99"}
    assert 0 <= durations["p50"] <= durations["p95"] <= durations["p99"] < 60_000
    assert summary["measured_attempts"] == before["measured_attempts"] + 6


def test_what_waits_is_purged_by_what_it_is(busy: Gateway) -> None:
    later(busy, n=3)
    peeks = later(busy, command="peek", n=2)
    later(busy, plugin="echo")
    assert purged(busy, plugin="nobody") == 0
    assert purged(busy, state="held") == 0
    assert purged(busy, plugin="shell", command="peek") == 2
    assert {busy.get(f"/job/{one}")["status"] for one in peeks} == {"cancelled"}
    assert purged(busy, plugin="shell", state="queued") == 3
    assert purged(busy) == 1
    assert purged(busy) == 0


def test_what_runs_goes_on_and_a_run_of_waiting_steps_is_cancelled(busy: Gateway) -> None:
    runs = busy.post("/plugin/gate/handle", {"gate": "purge"}).body["job_id"]
    busy.until(lambda: busy.get(f"/job/{runs}")["status"] == "running")
    body = {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}
    run_id = busy.post("/pipeline/later", body).body["job_id"]
    other = busy.post("/pipeline/made", body).body["job_id"]
    assert purged(busy, pipeline="later") == 1
    assert busy.get(f"/job/{run_id}")["status"] == "cancelled"
    assert busy.get(f"/job/{other}")["status"] == "running"
    assert purged(busy) == 1
    open_gate(busy, "purge")
    assert busy.get(f"/job/{runs}?wait=20")["status"] == "succeeded"


def test_more_than_a_batch_is_purged(busy: Gateway) -> None:
    body = {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}
    jobs = [busy.post("/plugin/shell/handle", body).body["job_id"] for _ in range(260)]
    assert purged(busy, plugin="shell") == len(jobs)


@pytest.mark.parametrize(
    "body",
    [
        {"plugin": ""},
        {"plugin": 1},
        {"state": "running"},
        {"state": "succeeded"},
        {"state": None},
        {"plugins": "x"},
        [],
    ],
)
def test_a_purge_that_makes_no_sense_is_refused(busy: Gateway, body: Any) -> None:
    assert is_error(busy.post("/queue/purge", body), 400, "bad_request")
    assert is_error(busy.post("/queue/purge?dry_run=perhaps", {}), 400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/analytics/queue"), ("GET", "/analytics/summary"), ("POST", "/queue/purge")]
)
def test_the_scope_is_everything(busy: Gateway, method: str, path: str) -> None:
    for name in ("reader", "canceller", "writer"):
        refused = busy.call(method, path, token=token_of(name))
        assert is_error(refused, 403, "forbidden")
        assert refused.body["details"]["required_scopes"] == ["*"]
    assert busy.call(method, path, token=None).status == 401


def test_a_restart_forgets_nothing(busy: Gateway) -> None:
    before = busy.get("/analytics/summary")["stats"]
    busy.stop()
    busy.start()
    assert busy.get("/analytics/summary")["stats"] == before
