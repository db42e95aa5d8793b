"""A job that fails leads to one alert, by the bundled plugin `notify`; an alert that fails leads to none."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.gateway import Gateway

FAILS = """#!/bin/sh
cat > /dev/null
echo '{"status": "error", "error": "the disk <full>", "retry": false}'
"""


class Pager:
    """An HTTP server that keeps each alert. `statuses` are answered first, then 200."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str, Any]] = []
        """Path, idempotency key and body."""
        self.statuses: list[int] = []
        pager = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager.alerts.append((self.path, self.headers["Idempotency-Key"], body))
                self.send_response_only(pager.statuses.pop(0) if pager.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def pager() -> Iterator[Pager]:
    one = Pager()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    thread.join()


def start(gateway: Gateway, pager: Pager, *steps: dict[str, Any]) -> Gateway:
    gateway.plugin("backup", FAILS, {"poll": {}})
    channels = {"http": {"url": f"{pager.url}/alert"}, "slack": {"webhook_url": f"{pager.url}/slack"}}
    gateway.configure(
        plugin_roots=["./plugins", "bundled"],
        plugins={
            "backup": {"notify_on_complete": True},
            "notify": {
                "config": {"channel": "http", **channels},
                "notify_on_complete": True,  # what makes a loop, if anything does
                "retry": {"max_attempts": 2, "backoff_base": "1ms"},
            },
        },
        pipelines=[{"name": "alert", "on-hook": "job.failed", "steps": list(steps)}],
    )
    return gateway.start(environ={"no_proxy": "127.0.0.1"})


def alert_runs(gateway: Gateway) -> list[Any]:
    return gateway.jobs(plugin="pipeline", command="alert")


def test_a_job_that_fails_leads_to_one_alert(gateway: Gateway, pager: Pager) -> None:
    start(gateway, pager, {"uses": "notify"})
    job = gateway.run("backup", "poll")
    assert job["status"] == "failed"
    gateway.until(lambda: [run for run in alert_runs(gateway) if run["status"] == "succeeded"])
    gateway.idle()
    [(path, _, body)] = pager.alerts
    assert (path, body["title"], body["event"]) == ("/alert", "backup poll: failed", "job.failed")
    assert body["text"] == f"Job failed [backup]: the disk <full>\njob {job['job_id']} · attempt 1"
    assert body["payload"]["job_id"] == job["job_id"]
    assert len(alert_runs(gateway)) == 1


def test_an_alert_is_written_with_templates_and_goes_to_two_places(gateway: Gateway, pager: Pager) -> None:
    told = {"title": "{payload.plugin} is {payload.status}", "text": "{payload.error}!"}
    both = [
        {"uses": "notify.slack", "with": told},
        {"uses": "notify.http", "with": {"body": {"summary": "{payload.plugin}", "tries": "{payload.attempt}"}}},
    ]
    start(gateway, pager, {"split": both})
    gateway.run("backup", "poll")
    gateway.until(lambda: [run for run in alert_runs(gateway) if run["status"] == "succeeded"])
    assert {path: body for path, _, body in pager.alerts} == {
        "/slack": {"text": "*backup is failed*\nthe disk &lt;full&gt;!\njob {}".replace("{}", jobs_line(gateway))},
        "/alert": {"summary": "backup", "tries": 1},
    }


def jobs_line(gateway: Gateway) -> str:
    [job] = gateway.jobs(plugin="backup")
    return f"{job['job_id']} · attempt 1"


def test_an_alert_that_is_not_taken_at_once_is_tried_again(gateway: Gateway, pager: Pager) -> None:
    pager.statuses = [503]
    start(gateway, pager, {"uses": "notify"})
    gateway.run("backup", "poll")
    gateway.until(lambda: [run for run in alert_runs(gateway) if run["status"] == "succeeded"])
    [(_, first, _), (_, second, _)] = pager.alerts
    assert first == second


@pytest.mark.parametrize("statuses", [[404], [503, 503]])
def test_an_alert_that_fails_leads_to_no_alert(gateway: Gateway, pager: Pager, statuses: list[int]) -> None:
    pager.statuses = [*statuses]
    start(gateway, pager, {"uses": "notify"})
    gateway.run("backup", "poll")
    gateway.until(lambda: [run for run in alert_runs(gateway) if run["status"] == "failed"])
    gateway.idle()
    assert (len(alert_runs(gateway)), len(pager.alerts)) == (1, len(statuses))
    [sent] = gateway.jobs(plugin="notify")
    assert f"answered {statuses[-1]}" in gateway.get(f"/job/{sent['job_id']}")["last_error"]
    # A job that somebody calls directly is no alert: it speaks for itself, as each other plugin's does.
    pager.statuses = [404]
    gateway.run("notify", "http", {"text": "by hand"})
    gateway.until(lambda: len(alert_runs(gateway)) == 2)
    gateway.idle()
    assert len(alert_runs(gateway)) == 2


def test_secrets_of_the_channels_are_nowhere_to_be_seen(gateway: Gateway, pager: Pager) -> None:
    secret = "services/T000/B000/xyzzy-plugh"
    gateway.configure(
        plugin_roots=["bundled"],
        plugins={"notify": {"config": {"slack": {"webhook_url": f"{pager.url}/{secret}"}}}},
    )
    gateway.start(environ={"no_proxy": "127.0.0.1"})
    pager.statuses = [404]
    job = gateway.run("notify", "slack", {"text": f"see {pager.url}/{secret}"})
    assert job["status"] == "failed"
    assert pager.alerts[0][0] == f"/{secret}"
    shown = [gateway.call("GET", path).raw for path in (f"/job/{job['job_id']}", "/config/view", "/healthz")]
    assert not any(secret.encode() in raw for raw in shown)
    assert not any(secret in json.dumps(line) for line in gateway.log)
