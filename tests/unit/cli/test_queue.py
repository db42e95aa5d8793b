"""`ductile queue`."""

import json

import pytest
from support.cli import FakeGateway

from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]


def test_stats_are_the_queue_and_the_last_day(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers |= {"analytics_queue": {"queue_depth": 3}, "analytics_summary": {"total": 9}}
    assert main(["queue", "stats"]) == 0
    assert json.loads(capsys.readouterr().out) == {"queue": {"queue_depth": 3}, "summary": {"total": 9}}
    assert main(["queue", "stats", "--format", "table"]) == 0
    assert capsys.readouterr().out.splitlines() == ["queued:   3", "last day: 9 jobs, none succeeded"]


def test_stats_are_a_table_of_the_plugins(gateway: FakeGateway, capsys: Captured) -> None:
    stats = {"succeeded": 3, "failed": 1, "timed_out": 0, "dead": 2, "cancelled": 0, "queued": 0}
    gateway.answers |= {
        "analytics_queue": {
            "queue_depth": 1,
            "running": 2,
            "held": 0,
            "oldest_queued_seconds": 1.25,
            "workers": {"max": 4, "busy": 2, "utilization": 0.5},
            "by_plugin": {"slow": {"queued": 1, "running": 2, "held": 0}},
        },
        "analytics_summary": {
            "total": 6,
            "success_rate": 0.5,
            "by_plugin": {"echo": {"stats": stats, "total": 6, "success_rate": 0.5}},
            "duration_ms": {"p50": 3, "p95": 9, "p99": None},
        },
    }
    assert main(["queue", "stats", "--format", "table"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["queued:", "1"],
        ["oldest:", "waits", "for", "1.2", "s"],
        ["running:", "2"],
        ["held:", "0"],
        ["workers:", "2", "of", "4", "are", "busy"],
        ["last", "day:", "6", "jobs,", "50.0", "%", "succeeded"],
        ["durations:", "p50", "3", "ms,", "p95", "9", "ms"],
        [],
        ["PLUGIN", "QUEUED", "RUNNING", "HELD", "SUCCEEDED", "FAILED", "TIMED_OUT", "DEAD", "CANCELLED", "SUCCESS"],
        ["echo", "0", "0", "0", "3", "1", "0", "2", "0", "50.0", "%"],
        ["slow", "1", "2", "0", "0", "0", "0", "0", "0"],
    ]


def test_a_purge_without_a_terminal_needs_yes(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["purge"] = {"purged": 3}
    assert main(["queue", "purge"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert gateway.calls == []
    assert main(["queue", "purge", "--yes", "--plugin", "echo", "--state", "held"]) == 0
    assert json.loads(capsys.readouterr().out) == {"purged": 3}
    chosen = {"plugin": "echo", "command": None, "pipeline": None, "state": "held"}
    assert gateway.calls == [("purge", (), {**chosen, "dry_run": False})]


def test_a_dry_run_of_a_purge_asks_nothing_and_cancels_nothing(gateway: FakeGateway) -> None:
    gateway.answers["purge"] = {"dry_run": True}
    assert main(["queue", "purge", "--dry-run"]) == 0
    assert [named["dry_run"] for _, _, named in gateway.calls] == [True]
