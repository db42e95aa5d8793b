"""What a job says, printed while it says it."""

import asyncio
import json
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.core.jobs import live_logs
from ductile.cli.core.jobs.live_logs import new_entries
from ductile.cli.main import main
from ductile.client.errors import Unreachable

Captured = pytest.CaptureFixture[str]
JOB = {"job_id": "x", "plugin": "echo", "command": "say", "status": "running"}


def entry(text: str) -> dict[str, str]:
    return {"level": "info", "message": text}


def attempt(number: int, status: str, *texts: str, **more: Any) -> dict[str, Any]:
    ended = None if status == "running" else "2026-11-22T05:49:08.000Z"
    times = {"started_at": "2026-11-22T05:49:07.000Z", "completed_at": ended}
    names = {"plugin": "echo", "command": "say", "attempt": number, "status": status}
    return {**names, **times, "logs": [entry(text) for text in texts], "last_error": None, "stderr": None, **more}


class Script:
    """A job that says more each time it is looked at; then the last thing again and again."""

    def __init__(self, gateway: FakeGateway, *looks: Any) -> None:
        self.looks = list(looks)
        gateway.answers |= {"job": self.job, "job_logs": self.logs}

    def job(self, _: str, **__: Any) -> Any:
        look = self.looks[0]
        if isinstance(look, Exception):
            self.looks.pop(0)
            raise look
        return {**JOB, "status": look[0]}

    def logs(self, job_id: str) -> Any:
        return {"job_id": job_id, "logs": list(self.looks.pop(0)[1:])}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_logs, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(live_logs, "RECONNECT_DELAY_SECONDS", 0.0)


def test_each_entry_is_printed_once_as_it_comes(gateway: FakeGateway, capsys: Captured) -> None:
    Script(
        gateway,
        ("queued",),
        ("running", attempt(1, "running", "a", progress=1)),
        ("running", attempt(1, "running", "a", "b", progress=1)),
        Unreachable(url="u", reason="restarts"),
        ("running", attempt(1, "failed", "a", "b", "c", last_error="no luck"), attempt(2, "running")),
        ("succeeded", attempt(1, "failed", "a", "b", "c", last_error="no luck"), attempt(2, "succeeded", "d")),
    )
    assert main(["job", "logs", "x", "--follow", "--format", "table"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-22 05:49:07Z echo.say attempt 1: running",
        "  info: a",
        "  progress: 1",
        "  info: b",
        "  info: c",
        "2026-11-22 05:49:08Z echo.say attempt 1: failed in 1.0 s",
        "  error: no luck",
        "2026-11-22 05:49:07Z echo.say attempt 2: running",
        "  info: d",
        "2026-11-22 05:49:08Z echo.say attempt 2: succeeded in 1.0 s",
    ]


def test_a_program_gets_each_entry_and_then_the_whole_attempt(gateway: FakeGateway, capsys: Captured) -> None:
    ended = attempt(1, "failed", "a")
    Script(gateway, ("running", attempt(1, "running", "a")), ("failed", ended))
    assert main(["job", "logs", "x", "--follow"]) == 1
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"job_id": "x", "attempt": 1, "log": entry("a")},
        {"job_id": "x", **ended},
    ]


def test_a_running_attempt_shows_when_it_began(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["job_logs"] = {"job_id": "x", "logs": [attempt(1, "running", "a")]}
    assert main(["job", "logs", "x", "--format", "table"]) == 0
    assert capsys.readouterr().out.splitlines() == ["2026-11-22 05:49:07Z echo.say attempt 1: running", "  info: a"]


def test_of_a_run_only_the_steps_that_go_on_are_asked_again(gateway: FakeGateway, capsys: Captured) -> None:
    def step(name: str, status: str) -> dict[str, Any]:
        return {"job_id": name, "parent_job_id": "x", "step": name, "status": status, "attempt": 1}

    trees = [[step("m", "succeeded"), step("n", "running")], [step("m", "succeeded"), step("n", "succeeded")]]
    jobs = [{**JOB, "plugin": "pipeline", "status": status} for status in ("running", "succeeded")]
    logs = {"m": [attempt(1, "succeeded", "of m")], "n": [attempt(1, "succeeded", "of n")]}
    gateway.answers |= {
        "job": lambda *_, **__: jobs.pop(0),
        "tree": lambda _: trees.pop(0),
        "job_logs": lambda name: {"logs": [attempt(1, "running")] if name == "n" and trees else logs[name]},
    }
    assert main(["job", "logs", "x", "--follow", "--format", "table"]) == 0
    out = capsys.readouterr().out
    assert (out.count("of m"), out.count("of n")) == (1, 1)
    assert [given for name, given, _ in gateway.calls if name == "job_logs"] == [("m",), ("n",), ("n",)]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("", "ab", "ab"),
        ("ab", "abc", "c"),
        ("ab", "ab", ""),
        ("abc", "bcd", "d"),
        ("abc", "xyz", "xyz"),
        ("aa", "aaa", "a"),
    ],
)
def test_the_new_entries_are_those_behind_the_old(before: str, now: str, new: str) -> None:
    assert new_entries(before, now) == new


def test_who_stops_looking_is_told_that_the_job_goes_on(gateway: FakeGateway, capsys: Captured) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise asyncio.CancelledError  # what Ctrl-C does to work in a loop

    gateway.answers["job"] = interrupted
    with pytest.raises(asyncio.CancelledError):
        main(["job", "logs", "x", "--follow"])
    assert capsys.readouterr().err == "The job goes on. See: ductile job inspect x.\n"


def test_an_outage_is_told_once(gateway: FakeGateway, capsys: Captured) -> None:
    away = Unreachable(url="u", reason="Connection refused")
    Script(gateway, ("running", attempt(1, "running")), away, away, ("succeeded", attempt(1, "succeeded")))
    assert main(["job", "logs", "x", "--follow"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("The gateway went away: Connection refused. ")
    assert told[1] == "The gateway is there again."
    assert told[2].startswith("Job x has ended succeeded.")
