"""What happens in a real gateway, followed from outside."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.gateway import TOKEN, Gateway

SHELL = """#!/bin/sh
cat >/dev/null
echo '{"status":"ok","result":"done"}'
"""


class Followed:
    """The events of a gateway, read as they come."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def next(self) -> dict[str, Any] | None:
        """The next event; None at the end."""
        while line := self.response.readline():
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line[6:])
                return event
        return None

    def types(self, n: int) -> list[str]:
        return [event["type"] if (event := self.next()) else "end" for _ in range(n)]


@contextmanager
def following(gateway: Gateway, last: int | None = None, query: str = "") -> Iterator[Followed]:
    connection = http.client.HTTPConnection(*gateway.address, timeout=20)
    headers = {"Authorization": f"Bearer {TOKEN}", **({} if last is None else {"Last-Event-ID": str(last)})}
    connection.request("GET", f"/events{query}", headers=headers)
    response = connection.getresponse()
    assert response.status == 200
    try:
        yield Followed(response)
    finally:
        response.close()
        connection.close()


def test_all_that_happens_is_told_in_order_and_told_again_after_a_restart(gateway: Gateway) -> None:
    gateway.plugin("shell", SHELL)
    gateway.configure()
    gateway.start()
    with following(gateway) as live:
        job_id = gateway.run("shell", "handle")["job_id"]
        started, ended = live.next(), live.next()
        assert started
        assert ended
        assert [one["type"] for one in (started, ended)] == ["job.started", "job.ended"]
        assert {one["job_id"] for one in (started, ended)} == {job_id}
        assert (ended["plugin"], ended["command"], ended["status"]) == ("shell", "handle", "succeeded")
        gateway.post("/system/pause")
        gateway.post("/system/resume")
        (gateway.plugins / "shell" / "run").chmod(0o644)
        gateway.post("/system/reload")
        assert live.types(4) == ["gateway.paused", "gateway.resumed", "config.reloaded", "plugin.quarantined"]
        (gateway.plugins / "shell" / "run").chmod(0o755)
        gateway.post("/system/reload")
        gateway.configure(service={"log_level": "nonsense"})
        gateway.post("/system/reload")
        assert live.types(3) == ["config.reloaded", "plugin.returned", "config.refused"]
        gateway.configure(service={"log_level": "debug"})
        assert gateway.stop() == 0
        assert live.types(2) == ["gateway.stopping", "end"]
    gateway.start()
    with following(gateway, last=0) as again:
        assert again.types(12) == [
            "gateway.started",
            "job.started",
            "job.ended",
            "gateway.paused",
            "gateway.resumed",
            "config.reloaded",
            "plugin.quarantined",
            "config.reloaded",
            "plugin.returned",
            "config.refused",
            "gateway.stopping",
            "gateway.started",
        ]


def test_a_stop_does_not_wait_for_those_who_follow_and_read_nothing(gateway: Gateway) -> None:
    gateway.start()
    with following(gateway), following(gateway, query="?type=job.*"):
        assert gateway.stop() == 0


def test_an_event_that_is_posted_starts_what_waits_for_it(gateway: Gateway) -> None:
    gateway.plugin("shell", SHELL)
    gateway.configure(
        pipelines=[{"name": "orders", "on": "order.placed", "steps": [{"id": "only", "uses": "shell"}]}],
        routes=[{"from": "api", "event_type": "order.placed", "to": "shell"}],
    )
    gateway.start()
    with following(gateway) as live:
        sent = gateway.post("/events", {"type": "order.placed", "payload": {"order": 7}})
        assert sent.status == 202
        started = {one["job_id"] for one in sent.body["started"]}
        assert len(started) == 2
        received = live.next()
        assert received
        assert (received["type"], set(received["started"])) == ("event.received", started)
        ended = set()
        while not started <= ended:
            event = live.next()
            assert event
            if event["type"] == "job.ended":
                assert event["status"] == "succeeded"
                ended.add(event["job_id"])
