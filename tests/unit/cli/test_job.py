"""`ductile job`: lists, trees, orders, logs."""

import json
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.core.time_format import format_duration, format_time
from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "job_id": f"j{number}",
        "plugin": "echo",
        "command": "say",
        "status": "succeeded",
        "attempt": 1,
        "created_at": "2026-11-22T05:49:07.123Z",
        "started_at": "2026-11-22T05:49:07.200Z",
        "completed_at": "2026-11-22T05:49:08.700Z",
        **more,
    }


def refusal(status: int, code: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": code, "message": f"It is {code}.", "code": status, "details": {}}


class Pages:
    """Answers page by page, as a gateway with so many jobs."""

    def __init__(self, gateway: FakeGateway, name: str, count: int) -> None:
        self.asked: list[dict[str, Any]] = []
        self._gateway, self._name, self._count = gateway, name, count
        gateway.answers[name] = self

    def __call__(self, *_: Any, **filters: Any) -> Any:
        self.asked.append(filters)
        start = int(filters.get("cursor") or 0)
        end = min(start + filters["limit"], self._count)
        rows = [row(number) | {"log_id": str(number), "last_error": "no"} for number in range(start, end)]
        cursor = str(end) if end < self._count else None
        return {self._name: rows, "total": self._count, "cursor": cursor}


def test_the_list_is_a_table_with_times_that_people_read(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["jobs"] = {"jobs": [row(1), row(2, completed_at=None)], "total": 2, "cursor": None}
    assert main(["job", "list", "--format", "table"]) == 0
    captured = capsys.readouterr()
    assert [line.split() for line in captured.out.splitlines()] == [
        ["JOB", "PLUGIN", "COMMAND", "STATUS", "ATTEMPT", "CREATED", "TOOK"],
        ["j1", "echo", "say", "succeeded", "1", "2026-11-22", "05:49:07Z", "1.5", "s"],
        ["j2", "echo", "say", "succeeded", "1", "2026-11-22", "05:49:07Z"],
    ]
    assert captured.err == ""


def test_why_a_job_waits_and_when_it_goes_on_has_its_columns(gateway: FakeGateway, capsys: Captured) -> None:
    waiting = {"reason": "backoff", "message": "attempt 1 has failed", "until": "2026-11-22T05:50:07.123Z"}
    gateway.answers["jobs"] = {"jobs": [row(1), row(2, status="queued", waiting=waiting)], "total": 2, "cursor": None}
    assert main(["job", "list", "--format", "table"]) == 0
    head, _, second = capsys.readouterr().out.splitlines()
    assert head.endswith("WAITS FOR             NEXT START")
    assert second.endswith("attempt 1 has failed  2026-11-22 05:50:07Z")


def test_an_empty_list_says_so(gateway: FakeGateway, capsys: Captured) -> None:
    assert main(["job", "list", "--format", "table"]) == 0
    assert "There is no job yet." in capsys.readouterr().err
    assert main(["job", "list", "--plugin", "p", "--format", "table"]) == 0
    assert "There is no such job." in capsys.readouterr().err
    assert main(["job", "list"]) == 0
    assert capsys.readouterr().err == ""
    assert gateway.url


def test_filters_are_sent_and_what_is_left_out_is_told(gateway: FakeGateway, capsys: Captured) -> None:
    pages = Pages(gateway, "jobs", 70)
    filters = ["--plugin", "p", "--command", "c", "--status", "failed"]
    assert main(["job", "list", *filters, "--format", "table"]) == 0
    assert pages.asked == [
        {"plugin": "p", "command": "c", "status": ["failed", "timed_out", "dead"], "limit": 50, "include_details": True}
    ]
    assert "50 of 70 jobs; --all" in capsys.readouterr().err
    assert main(["job", "list", "--quiet", "--format", "table"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "limits", "count"),
    [(["--all"], [1000, 1000, 1000], 2500), (["--limit", "1200"], [1000, 200], 1200), (["--limit", "7"], [7], 7)],
)
def test_many_jobs_come_page_by_page(
    gateway: FakeGateway, options: list[str], limits: list[int], count: int, capsys: Captured
) -> None:
    pages = Pages(gateway, "jobs", 2500)
    assert main(["job", "list", *options]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["job_id"] for one in listed["jobs"]] == [f"j{number}" for number in range(count)]
    assert [asked["limit"] for asked in pages.asked] == limits


TREE = [
    {"job_id": "r", "parent_job_id": None, "plugin": "pipeline", "command": "p", "status": "running", "step": None},
    {"job_id": "a", "parent_job_id": "r", "plugin": "x", "command": "handle", "status": "succeeded", "step": "one",
     "result": {"result": "done"}},
    {"job_id": "b", "parent_job_id": "r", "plugin": "x", "command": "handle", "status": "failed", "step": "other",
     "last_error": "no luck"},
    {"job_id": "c", "parent_job_id": "a", "plugin": "x", "command": "handle", "status": "queued", "step": "deep"},
    {"job_id": None, "parent_job_id": "a", "plugin": None, "command": None, "status": "skipped", "step": "two",
     "reason": "condition"},
]  # fmt: skip


@pytest.mark.parametrize("line", [["job", "inspect", "r", "--tree"], ["job", "tree", "r"]])
def test_a_tree_has_steps_below_what_they_followed(gateway: FakeGateway, line: list[str], capsys: Captured) -> None:
    gateway.answers["tree"] = TREE
    assert main([*line, "--format", "table"]) == 0
    assert [line.split("  x")[0].rstrip()[:12].rstrip() for line in capsys.readouterr().out.splitlines()[1:]] == [
        "pipeline  pi",
        "  one",
        "    deep",
        "    two",
        "  other",
    ]
    assert main(line) == 0
    assert json.loads(capsys.readouterr().out) == TREE


def test_a_tree_whose_parents_are_gone_is_shown_all_the_same(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["tree"] = [{**TREE[3], "parent_job_id": "gone"}, TREE[4]]
    assert main(["job", "tree", "c", "--format", "table"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_several_jobs_are_cancelled_and_one_that_cannot_be_does_not_stop_the_others(
    gateway: FakeGateway, capsys: Captured
) -> None:
    def cancel(job_id: str, **_: Any) -> Any:
        return refusal(409, "finished") if job_id == "y" else {"job_id": job_id, "status": "cancelled"}

    gateway.answers["cancel"] = cancel
    assert main(["job", "cancel", "x", "y", "z", "--dry-run"]) == 1
    captured = capsys.readouterr()
    assert [one["job_id"] for one in json.loads(captured.out)] == ["x", "z"]
    assert "It is finished" in captured.err
    assert gateway.calls[0] == ("cancel", ("x",), {"dry_run": True})
    assert main(["job", "cancel", "x"]) == 0
    assert json.loads(capsys.readouterr().out) == {"job_id": "x", "status": "cancelled"}


def test_a_job_whose_attempt_is_being_stopped_is_cancelling(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["cancel"] = {"job_id": "x", "status": "running"}
    assert main(["job", "cancel", "x"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"job_id": "x", "status": "cancelling"}
    assert "--wait" in captured.err
    listed = row(1, status="running", completed_at=None, cancel_requested_at="2026-11-22T05:49:08.000Z")
    gateway.answers["jobs"] = {"jobs": [listed], "total": 1, "cursor": None}
    assert main(["job", "list", "--format", "table"]) == 0
    assert "cancelling" in capsys.readouterr().out


@pytest.mark.parametrize(("status", "code"), [("cancelled", 0), ("succeeded", 1), ("running", 6)])
def test_a_cancel_is_waited_for(gateway: FakeGateway, status: str, code: int, capsys: Captured) -> None:
    gateway.answers |= {"cancel": {"job_id": "x", "status": "running"}, "job": {"job_id": "x", "status": status}}
    assert main(["job", "cancel", "x", "--wait", "--timeout", "10ms"]) == code
    assert json.loads(capsys.readouterr().out)["status"] == status


def test_a_retry_may_be_waited_for(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["retry"] = {"job_id": "new", "status": "queued"}
    assert main(["job", "retry", "old"]) == 0
    assert json.loads(capsys.readouterr().out)["job_id"] == "new"
    gateway.answers["job"] = {"job_id": "new", "status": "failed"}
    assert main(["job", "retry", "old", "--wait"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "failed"
    gateway.answers["job"] = {"job_id": "new", "status": "running"}
    assert main(["job", "retry", "old", "--wait", "--timeout", "10ms"]) == 6
    assert main(["job", "retry", "old", "--dry-run", "--wait"]) == 0
    assert gateway.calls[-1] == ("retry", ("old",), {"dry_run": True})


ATTEMPT = {
    "log_id": "j-1",
    "attempt": 1,
    "plugin": "echo",
    "command": "say",
    "status": "failed",
    "started_at": "2026-11-22T05:49:07.000Z",
    "completed_at": "2026-11-22T05:49:07.012Z",
    "last_error": "no luck",
    "stderr": "Traceback\n  line 1\n",
    "stdout": None,
    "logs": [{"level": "info", "message": "hello"}, {"message": {"a": 1}}],
}


def test_logs_of_a_job_tell_each_attempt(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["job_logs"] = {"job_id": "j", "logs": [ATTEMPT]}
    assert main(["job", "logs", "j", "--format", "table"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-22 05:49:07Z echo.say attempt 1: failed in 12 ms",
        "  error: no luck",
        "  info: hello",
        '  log: {"a":1}',
        "  stderr: Traceback",
        "            line 1",
    ]
    assert main(["job", "logs", "j"]) == 0
    assert json.loads(capsys.readouterr().out) == {"job_id": "j", "logs": [ATTEMPT]}


def test_logs_of_a_run_are_those_of_its_steps(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["job_logs"] = lambda job_id: {"job_id": job_id, "logs": [ATTEMPT] if job_id in "ab" else []}
    gateway.answers |= {"job": {"plugin": "pipeline"}, "tree": TREE}
    assert main(["job", "logs", "r"]) == 0
    assert [(one["job_id"], one["step"]) for one in json.loads(capsys.readouterr().out)["logs"]] == [
        ("a", "one"),
        ("b", "other"),
    ]


def test_logs_of_a_job_that_retention_has_removed_are_what_is_left(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers |= {"job_logs": {"job_id": "j", "logs": []}, "job": refusal(404, "unknown_job")}
    assert main(["job", "logs", "j"]) == 0
    assert json.loads(capsys.readouterr().out) == {"job_id": "j", "logs": []}


def test_all_logs_can_be_searched(gateway: FakeGateway, capsys: Captured) -> None:
    pages = Pages(gateway, "logs", 500)
    options = ["--query", "disk full", "--plugin", "p", "--from", "2026-01-01T00:00:00Z", "--results", "--limit", "250"]
    assert main(["job", "logs", *options]) == 0
    assert len(json.loads(capsys.readouterr().out)["logs"]) == 250
    wanted = {"query": "disk full", "plugin": "p", "from_": "2026-01-01T00:00:00.000Z", "include_result": True}
    assert {name: value for name, value in pages.asked[0].items() if value is not None} == {**wanted, "limit": 200}
    assert (pages.asked[1]["limit"], pages.asked[1]["cursor"]) == (50, "200")
    assert main(["job", "logs", "--limit", "1", "--format", "table"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0].startswith("2026-11-22 05:49:08Z j0 echo.say attempt 1: succeeded")
    assert "1 of 500 attempts" in captured.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--follow"], "--follow needs the ID of a job"),
        (["j", "--query", "x"], "with an ID, leave them out"),
        (["j", "--results"], "with an ID, leave them out"),
        (["--limit", "0"], "--limit"),
        (["j", "--last"], "--last takes no ID"),
        (["--exact"], "give --status"),
        (["--status", "faild"], "did you mean `failed`"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    gateway: FakeGateway, line: list[str], said: str, capsys: Captured
) -> None:
    assert main(["job", "logs", *line]) == 2
    assert said in capsys.readouterr().err
    assert gateway.calls == []


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("2026-01-01T00:00:00.004Z", "4 ms"),
        ("2026-01-01T00:00:03.440Z", "3.4 s"),
        ("2026-01-01T00:02:05Z", "2 m 5 s"),
        (None, None),
    ],
)
def test_how_long_something_took(end: str | None, told: str | None) -> None:
    assert format_duration("2026-01-01T00:00:00.000Z", end) == told
    assert format_time(None) is None
