"""`ductile pipeline`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cli import FakeGateway
from support.gateway import write_plugin

from ductile.cli.main import main
from ductile.client import Unreachable
from ductile.describe.pipeline_document import pipeline_document
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel

Captured = pytest.CaptureFixture[str]
MODEL = {
    "name": "daily",
    "on": "clock.tick",
    "execution_mode": "synchronous",
    "timeout": "90s",
    "if": {"path": "payload.n", "op": "gt", "value": 0},
    "steps": [
        {"id": "one", "uses": "parrot.say", "with": {"word": "{payload.word}"}},
        {"id": "two", "uses": "parrot.say", "if": {"path": "payload.loud", "op": "eq", "value": True}},
    ],
}
GRAPHS, _ = compile_pipelines([PipelineModel.model_validate(MODEL)], {"parrot": {"say"}})
DOCUMENT = pipeline_document(GRAPHS["daily"])
SKILL = {"pipeline": "daily", "trigger": "clock.tick", "execution_mode": "synchronous", "timeout_secs": 90}
REHEARSAL = {
    "pipeline": "daily",
    "starts": False,
    "steps": [
        {"step": "one", "status": "dispatched", "plugin": "parrot", "command": "say", "after": None, "condition": None,
         "context": {}, "payload": {"word": "hi"}, "warnings": ["too short"],
         "then": [{"step": "two", "uses": "parrot.say", "condition": None}]},
        {"step": "two", "status": "skipped", "reason": "condition", "after": "one",
         "condition": {"path": "payload.loud", "op": "eq", "value": True}, "values": {"payload.loud": None}},
        {"step": "three", "status": "skipped", "reason": "max_depth", "after": "one", "condition": None,
         "values": None},
        {"step": "four", "status": "failed", "plugin": "parrot", "command": "say", "after": "one", "condition": None,
         "context": {}, "payload": None, "reason": "there is nothing at `payload.x`."},
    ],
}  # fmt: skip


def test_the_list_tells_what_starts_each(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["pipelines"] = [SKILL, {**SKILL, "pipeline": "x", "timeout_secs": None}]
    assert main(["pipeline", "list", "--format", "table"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [["daily", "clock.tick", "synchronous", "90s"], ["x", "clock.tick", "synchronous"]]
    assert main(["pipeline", "list"]) == 0
    assert json.loads(capsys.readouterr().out)["pipelines"][0] == SKILL


def test_show_has_the_trigger_and_a_row_for_each_step(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["pipeline"] = DOCUMENT
    assert main(["pipeline", "show", "daily", "--format", "table"]) == 0
    head, rows = capsys.readouterr().out.split("\n\n")
    assert "if:             payload.n gt 0" in head
    assert [line.split() for line in rows.splitlines()] == [
        ["STEP", "RUNS", "IF", "WITH", "THEN", "ELSE"],
        ["one", "parrot.say", "word", "two"],
        ["two", "parrot.say", "payload.loud", "eq", "true"],
    ]
    assert main(["pipeline", "show", "daily"]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENT


def test_it_is_drawn_as_wanted(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["pipeline"] = DOCUMENT
    assert main(["pipeline", "visualize", "daily"]) == 0
    assert capsys.readouterr().out.startswith("daily: on clock.tick if payload.n gt 0, synchronous within 90s\none:")
    assert main(["pipeline", "visualize", "daily", "--as", "mermaid"]) == 0
    assert capsys.readouterr().out.startswith("flowchart TD\n")
    assert main(["pipeline", "visualize", "daily", "--as", "dot"]) == 0
    assert capsys.readouterr().out.startswith('digraph "daily" {')
    assert main(["pipeline", "visualize", "daily", "--as", "dot", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENT
    assert main(["pipeline", "visualize", "daily", "--as", "png"]) == 2
    assert "--as must be one of text, mermaid, dot" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ([], {"detach": False, "dry_run": False}),
        (["--detach"], {"detach": True, "dry_run": False}),
        (["--dry-run"], {"detach": False, "dry_run": True}),
    ],
)
def test_run_starts_a_run_as_the_pipeline_says(gateway: FakeGateway, options: list[str], named: dict[str, Any]) -> None:
    gateway.answers["run_pipeline"] = {"job_id": "j", "status": "queued"}
    assert main(["pipeline", "run", "daily", "--payload", '{"n": 1}', *options]) == 0
    assert gateway.calls == [("run_pipeline", ("daily", {"n": 1}), named)]


def test_run_waits_for_the_end_of_any_pipeline(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["run_pipeline"] = {"job_id": "j", "status": "queued"}
    gateway.answers["job"] = {"job_id": "j", "status": "failed", "last_error": "no"}
    assert main(["pipeline", "run", "daily", "--wait"]) == 1
    assert gateway.calls[0][2] == {"detach": True, "dry_run": False}
    assert json.loads(capsys.readouterr().out)["last_error"] == "no"


def test_a_synchronous_run_that_failed_fails_the_command(gateway: FakeGateway) -> None:
    gateway.answers["run_pipeline"] = {"job_id": "j", "status": "failed", "tree": []}
    assert main(["pipeline", "run", "daily"]) == 1


def test_a_dry_run_is_a_table_of_what_would_happen_and_why(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["rehearse"] = REHEARSAL
    words = ["--payload", '{"word": "hi"}', "--answer", 'one={"a": 1}', "--answer", 'one={"a": 2}']
    assert main(["pipeline", "dry-run", "daily", *words, "--format", "table"]) == 0
    assert gateway.calls == [("rehearse", ("daily", {"word": "hi"}, {"one": [{"a": 1}, {"a": 2}]}), {})]
    captured = capsys.readouterr()
    assert "no event with this payload would start daily" in captured.err
    rows = [" ".join(line.split()) for line in captured.out.splitlines()]
    assert rows[1:] == [
        'one dispatched parrot.say {"word":"hi"} too short; then two, by what it answers',
        'two skipped one if payload.loud eq true (saw {"payload.loud":null})',
        "three skipped one max_depth ends the branch",
        "four failed parrot.say one there is nothing at `payload.x`.",
    ]
    assert main(["pipeline", "dry-run", "daily"]) == 0
    assert json.loads(capsys.readouterr().out) == REHEARSAL


@pytest.mark.parametrize("answer", ["one", "one=", "one=[]", "one={", "=5"])
def test_an_answer_that_is_none_is_refused(gateway: FakeGateway, answer: str, capsys: Captured) -> None:
    assert main(["pipeline", "dry-run", "daily", "--answer", answer]) == 2
    assert "--answer" in capsys.readouterr().err
    assert gateway.calls == []


def configuration(folder: Path) -> list[str]:
    write_plugin(folder / "plugins", "parrot", "#!/bin/sh\n", {"say": {"input_schema": {"word": "string"}}})
    config = {"plugin_roots": ["plugins"], "pipelines": [MODEL], "api": {"listen": "127.0.0.1:1"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return ["--config-dir", str(folder)]


def test_the_configuration_is_read_where_it_is_wanted_or_no_gateway_answers(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    place = configuration(tmp_path)
    assert main(["pipeline", "show", "daily", "--offline", *place]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENT
    assert main(["pipeline", "dry-run", "daily", "--offline", "--payload", '{"word": 5}', *place]) == 0
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    assert (step["payload"], len(step["warnings"])) == ({"word": 5}, 1)
    assert gateway.calls == []
    monkeypatch.delenv("DUCTILE_URL")
    gateway.answers["pipeline"] = Unreachable(url="u", reason="gone")
    assert main(["pipeline", "visualize", "daily", *place]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("daily: on clock.tick")
    assert "The configuration is asked instead." in captured.err
    assert main(["pipeline", "show", "dayly", "--offline", *place]) == 3
    assert "did you mean `daily`" in capsys.readouterr().err


def test_a_broken_configuration_is_told_with_its_problems(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "config.yaml").write_text("nothing: here\n")
    assert main(["pipeline", "show", "daily", "--offline", "--config-dir", str(tmp_path)]) == 78
    told = capsys.readouterr().err
    assert "has errors (1)" in told
    assert "config.yaml:1:1: error[unknown_key]" in told
    assert main(["pipeline", "show", "daily", "--offline", "--config-dir", str(tmp_path / "no")]) == 78
