"""Who waits for a job is told of each attempt that failed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.core.jobs import waiting
from ductile.cli.core.jobs.attempt_notices import retry_sentence
from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]
PLUGIN = {"name": "crash", "commands": [{"name": "go", "input_schema": None}]}


def time_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def queued_job(attempt: int, **more: Any) -> dict[str, Any]:
    names = {"job_id": "x", "plugin": "crash", "command": "go", "status": "queued"}
    return {**names, "attempt": attempt, "max_attempts": 4, "last_error": "exit 3.", "run_at": time_in(30.5), **more}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE_SECONDS", 0)


@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_each_failed_attempt_is_told_once(gateway: FakeGateway, options: list[str], capsys: Captured) -> None:
    looks = iter([
        queued_job(0, last_error=None),
        queued_job(1),
        queued_job(1),
        queued_job(1, status="running"),
        queued_job(2, last_error="a\nb" + "c" * 600),
        {"job_id": "x", "plugin": "crash", "command": "go", "status": "dead", "last_error": "exit 3"},
    ])  # fmt: skip
    gateway.answers |= {"plugin": PLUGIN, "trigger": queued_job(0), "job": lambda *_, **__: next(looks)}
    assert main(["crash", "go", *options]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("ductile: crash.go has ended dead: exit 3")
    if options:
        assert len(told) == 1
    else:
        assert told[0] == "attempt 1 of 4 failed: exit 3; again in 30 s"
        assert told[1].startswith("attempt 2 of 4 failed: a bccc")
        assert len(told[1]) < 600
        assert len(told) == 3


def test_attempts_that_fail_between_two_looks_are_told_too(gateway: FakeGateway, capsys: Captured) -> None:
    looks = iter([
        queued_job(3, last_error="third"),
        queued_job(4, status="running", last_error="third"),
        {"job_id": "x", "plugin": "crash", "command": "go", "status": "succeeded", "result": {}},
    ])  # fmt: skip
    logs = [{"attempt": 1, "last_error": "first"}, {"attempt": 2, "last_error": "second"}, {"attempt": 3}]
    gateway.answers |= {
        "plugin": PLUGIN,
        "trigger": queued_job(0),
        "job": lambda *_, **__: next(looks),
        "job_logs": {"job_id": "x", "logs": logs},
    }
    assert main(["crash", "go"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "attempt 1 of 4 failed: first",
        "attempt 2 of 4 failed: second",
        "attempt 3 of 4 failed: third; again in 30 s",
    ]


def test_the_steps_of_a_run_are_told_too(gateway: FakeGateway, capsys: Captured) -> None:
    run = {"job_id": "r", "plugin": "pipeline", "command": "p"}
    looks = iter([{**run, "status": "running"}, {**run, "status": "running"}, {**run, "status": "succeeded"}])
    rows = [{"job_id": "x", "status": "queued", "attempt": 1}, {"job_id": None, "status": "skipped"}]
    gateway.answers |= {
        "run_pipeline": {"job_id": "r", "status": "queued"},
        "job": lambda job_id, **_: next(looks) if job_id == "r" else queued_job(1, step="fetch"),
        "tree": rows,
    }
    assert main(["pipeline", "run", "p", "--wait"]) == 0
    assert capsys.readouterr().err == "fetch: attempt 1 of 4 failed: exit 3; again in 30 s\n"


def test_an_attempt_that_is_due_goes_on_at_once() -> None:
    assert retry_sentence(queued_job(1, run_at=time_in(-1))).endswith("; again at once")
    assert retry_sentence(queued_job(1, run_at=None)).endswith("; again at once")


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (["plugin", "run", "crash", "go"], "trigger"),
        (["pipeline", "run", "p"], "run_pipeline"),
        (["crash", "go"], "trigger"),
    ],
)
def test_when_and_how_a_job_starts_is_said_beside_its_payload(
    gateway: FakeGateway, line: list[str], call: str, capsys: Captured
) -> None:
    gateway.answers |= {"plugin": PLUGIN, call: {"job_id": "x", "status": "queued"}}
    options = ["--run-at", "2030-01-31 09:00", "--dedupe-key", "nightly", "--priority", "-5"]
    assert main([*line, *options]) == 0
    name, _, named = gateway.calls[-1]
    assert name == call
    assert {key: named[key] for key in ("run_at", "dedupe_key", "priority")} == {
        "run_at": "2030-01-31T09:00:00.000Z",
        "dedupe_key": "nightly",
        "priority": -5,
    }
    assert '"queued"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["crash", "go", "--run-at", "1h", "--timeout", "5s"], "--timeout and --run-at"),
        (["crash", "go", "--priority", "101"], "--priority"),
        (["crash", "go", "--priority", "high"], "--priority"),
        (["plugin", "run", "./x", "go", "--dedupe-key", "k"], "--dedupe-key is for a gateway's queue"),
    ],
)
def test_what_makes_no_sense_is_refused(gateway: FakeGateway, line: list[str], told: str, capsys: Captured) -> None:
    gateway.answers["plugin"] = PLUGIN
    assert main(line) == 2
    assert told in capsys.readouterr().err
