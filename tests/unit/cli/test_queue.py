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
    assert capsys.readouterr().out == "queue_depth: 3\nlast_day:\n  total: 9\n"


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
