"""`ductile plugin list`, `show` and `run`."""

import json
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]
ECHO = {"name": "echo", "version": "1", "commands": ["poll", "handle"], "description": "Says it."}
SICK = {"plugin": "echo", "command": "health", "reason": "it coughs"}
DOCUMENT = {
    "name": "echo",
    "version": "1",
    "description": "Says it.",
    "protocol": 2,
    "commands": [
        {"name": "poll", "type": "write", "description": "Looks.", "input_schema": None},
        {
            "name": "say",
            "type": "read",
            "description": "Says.",
            "input_schema": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "description": "What."},
                    "times": {"type": "integer"},
                    "loud": {"type": "boolean"},
                    "tag": {"type": "array", "items": {"type": "string"}},
                    "url": {"type": "string"},
                },
                "required": ["text"],
            },
        },
    ],
}


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def ended_job(status: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {"job_id": "j", "status": status, "plugin": "echo", "command": "say", "result": {"result": 1}, **more}


def refusal(status: int, code: str, **details: Any) -> tuple[int, dict[str, Any]]:
    return status, {"error": code, "message": f"It is {code}.", "code": status, "details": details}


def test_the_list_has_those_that_cannot_run_with_the_reason(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["plugins"] = [ECHO, {**ECHO, "name": "sick"}]
    gateway.answers["health"] = {
        "plugins_quarantined": [{"name": "broken", "reason": "no entrypoint"}],
        "plugins_unhealthy": [{"plugin": "sick", "command": "health", "reason": "it coughs"}],
    }
    assert main(["plugin", "list", "--format", "table"]) == 0
    assert table(capsys.readouterr().out) == [
        ["NAME", "VERSION", "STATE", "COMMANDS", "DESCRIPTION"],
        ["echo", "1", "ready", "poll,", "handle", "Says", "it."],
        ["sick", "1", "unhealthy", "poll,", "handle", "Says", "it."],
        ["broken", "quarantined", "no", "entrypoint"],
    ]
    assert main(["plugin", "list"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["plugins"][0], listed["plugins_quarantined"][0]["name"]) == (ECHO, "broken")


def test_a_table_is_not_cut_where_a_program_reads_it(gateway: FakeGateway, capsys: Captured) -> None:
    long = "[bold]not markup[/bold] " + "x" * 300
    gateway.answers |= {"plugins": [{**ECHO, "description": long}], "health": {}}
    assert main(["plugin", "list", "--format", "table"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(long)


def test_show_lists_commands_and_their_fields(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers |= {"plugin": DOCUMENT, "health": {"plugins_unhealthy": [SICK]}}
    assert main(["plugin", "show", "echo", "--format", "table"]) == 0
    shown = capsys.readouterr().out
    assert "state:       unhealthy\nreason:      health: it coughs\n" in shown
    lines = [line.split() for line in shown.split("\n\n")[1].splitlines()]
    assert lines[0] == ["COMMAND", "TYPE", "TAKES", "DESCRIPTION"]
    assert ["poll", "write", "Looks."] in lines
    assert ["--text", "TEXT", "What.", "[required]"] in lines
    assert ["--loud", "/", "--no-loud"] in lines
    assert ["--tag", "TEXT", "[may", "be", "repeated]"] in lines
    assert main(["plugin", "show", "echo"]) == 0
    assert json.loads(capsys.readouterr().out) == {**DOCUMENT, "state": "unhealthy", "reason": "health: it coughs"}


def test_show_tells_why_a_plugin_cannot_run(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["plugin"] = refusal(503, "plugin_unavailable", kind="disabled", reason="enabled: false")
    gateway.answers["health"] = {}
    assert main(["plugin", "show", "off", "--format", "table"]) == 0
    assert capsys.readouterr().out == "name:   off\nstate:  disabled\nreason: enabled: false\n"
    gateway.answers["plugin"] = refusal(503, "unavailable")
    assert main(["plugin", "show", "off"]) == 1
    gateway.answers["plugin"] = refusal(404, "unknown_plugin")
    assert main(["plugin", "show", "off"]) == 3


def test_run_queues_and_prints_the_job(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["trigger"] = {"job_id": "j", "status": "queued"}
    assert main(["plugin", "run", "echo", "handle", "--payload", '{"a": 1}']) == 0
    assert gateway.calls == [("trigger", ("echo", "handle", {"a": 1}), {"dry_run": False})]
    assert json.loads(capsys.readouterr().out)["job_id"] == "j"


def test_run_takes_fields_by_name_as_the_schema_wants_them(gateway: FakeGateway) -> None:
    gateway.answers |= {"plugin": DOCUMENT, "trigger": {"job_id": "j", "status": "queued"}}
    words = ["--text", "-5", "--times=3", "--no-loud", "--tag", "a", "--tag", "b", "--field", "url=x=y"]
    assert main(["plugin", "run", "echo", "say", *words, "--payload", '{"text": "no", "z": 0}']) == 0
    assert gateway.calls[-1][1][2] == {
        "text": "-5",
        "z": 0,
        "times": 3,
        "loud": False,
        "tag": ["a", "b"],
        "url": "x=y",
    }
    assert main(["plugin", "run", "echo", "poll", "--field", "any=[1]", "--field", "thing=text"]) == 0
    assert gateway.calls[-1][1][2] == {"any": [1], "thing": "text"}


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["say", "--times", "many", "--text", "x"], "--times takes a whole number", 2),
        (["say", "--times", "3"], "missing option --text", 2),
        (["say", "--txet", "x"], "--txet", 2),
        (["say", "--field", "text"], "--field takes NAME=VALUE", 2),
        (["sya", "--text", "x"], "did you mean `say`", 3),
        (["say", "stray", "--text", "x"], "stray", 2),
    ],
)
def test_a_field_that_does_not_fit_calls_nothing(
    gateway: FakeGateway, words: list[str], said: str, code: int, capsys: Captured
) -> None:
    gateway.answers["plugin"] = DOCUMENT
    assert main(["plugin", "run", "echo", *words]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert [name for name, _, _ in gateway.calls] == ["plugin"]


def test_run_waits_until_the_job_has_ended_and_fails_when_it_does(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers |= {"trigger": {"job_id": "j", "status": "queued"}, "job": ended_job()}
    assert main(["plugin", "run", "echo", "say", "--wait"]) == 0
    assert [name for name, _, _ in gateway.calls] == ["trigger", "job"]
    assert json.loads(capsys.readouterr().out)["status"] == "succeeded"
    for status in ("failed", "dead", "timed_out", "cancelled"):
        gateway.answers["job"] = ended_job(status)
        assert main(["plugin", "run", "echo", "say", "--wait"]) == 1


def test_a_job_that_still_runs_after_the_wait_is_printed_and_ends_with_6(
    gateway: FakeGateway, capsys: Captured
) -> None:
    gateway.answers |= {"trigger": {"job_id": "j", "status": "queued"}, "job": ended_job("running")}
    assert main(["plugin", "run", "echo", "say", "--wait", "--timeout", "10ms"]) == 6
    captured = capsys.readouterr()
    assert json.loads(captured.out)["job_id"] == "j"
    assert "within 0.01 seconds" in captured.err
    assert "ductile job inspect j" in captured.err


def test_a_dry_run_waits_for_nothing(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["trigger"] = {"dry_run": True, "status": "failed"}
    assert main(["plugin", "run", "echo", "say", "--dry-run", "--wait"]) == 0
    assert gateway.calls == [("trigger", ("echo", "say", {}), {"dry_run": True})]
    assert json.loads(capsys.readouterr().out)["dry_run"] is True


def test_following_and_waiting_are_two_things(gateway: FakeGateway, capsys: Captured) -> None:
    assert main(["plugin", "run", "echo", "say", "--wait", "--follow"]) == 2
    assert "--follow waits by itself" in capsys.readouterr().err
    assert gateway.calls == []
