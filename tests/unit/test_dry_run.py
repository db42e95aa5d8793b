"""A run on paper says what a real one would do."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from support.web import plugin, snapshot

from ductile import dry_run as module
from ductile.dry_run import TooManySteps, UnknownStep, dry_run_pipeline
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel
from ductile.model.graph import Graph
from ductile.model.snapshot import Snapshot

SNAPSHOT = snapshot()


def graph(*steps: Mapping[str, Any], **pipeline: Any) -> Graph:
    model = PipelineModel.model_validate({"name": "p", "on": "a.b", "steps": list(steps), **pipeline})
    commands = {"echo": plugin().manifest.commands, "gone": plugin().manifest.commands, "off": None}
    graphs, problems = compile_pipelines([model], commands)
    assert not problems
    return graphs["p"]


def rows(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(row["step"], row["status"]) for row in told["steps"]]


def test_an_entry_step_is_told_with_the_payload_that_its_plugin_gets() -> None:
    one = {"uses": "echo", "with": {"text": "{payload.a}!", "same": "{payload.a}"}, "baggage": {"kept.a": "payload.a"}}
    told = dry_run_pipeline(SNAPSHOT, graph(one), {"a": 1})
    (step,) = told["steps"]
    assert step == {
        "step": "step_1",
        "status": "dispatched",
        "plugin": "echo",
        "command": "handle",
        "after": None,
        "condition": None,
        "context": {"kept": {"a": 1}},
        "payload": {"kept": {"a": 1}, "a": 1, "text": "1!", "same": 1},
    }
    assert (told["pipeline"], told["starts"]) == ("p", True)


def test_a_false_if_is_told_with_what_it_saw_and_bypassed() -> None:
    gate = {"path": "payload.go", "op": "eq", "value": True}
    told = dry_run_pipeline(
        SNAPSHOT, graph({"id": "gate", "uses": "echo", "if": gate}, {"id": "next", "uses": "echo"}), {}
    )
    assert rows(told) == [("gate", "skipped"), ("next", "dispatched")]
    assert told["steps"][0] == {
        "step": "gate",
        "status": "skipped",
        "reason": "condition",
        "after": None,
        "condition": gate,
        "values": {"payload.go": None},
    }


def test_what_follows_is_unknown_until_an_answer_is_assumed() -> None:
    gate = {"path": "payload.n", "op": "gt", "value": 1}
    steps = [{"id": "a", "uses": "echo"}, {"id": "b", "uses": "echo.poll", "if": gate, "with": {"m": "{payload.n}"}}]
    (first,) = dry_run_pipeline(SNAPSHOT, graph(*steps), {})["steps"]
    assert first["then"] == [{"step": "b", "uses": "echo.poll", "condition": gate}]
    told = dry_run_pipeline(SNAPSHOT, graph(*steps), {}, {"a": [{"n": 1}, {"n": 2}]})
    assert [(row["step"], row["status"], row["after"]) for row in told["steps"]] == [
        ("a", "dispatched", None),
        ("b", "skipped", "a"),
        ("b", "dispatched", "a"),
    ]
    upstream = {
        "ductile_upstream_plugin": "echo",
        "ductile_upstream_pipeline": "p",
        "ductile_upstream_step_id": "a",
    }
    assert told["steps"][2]["payload"] == {"n": 2, "m": 2, **upstream}
    assert "then" not in told["steps"][0]


def test_a_step_that_is_assumed_to_emit_nothing_ends_its_branch() -> None:
    told = dry_run_pipeline(SNAPSHOT, graph({"id": "a", "uses": "echo"}, {"uses": "echo"}), {}, {"a": []})
    assert rows(told) == [("a", "dispatched")]


def test_steps_that_would_fail_say_why() -> None:
    number = {"path": "payload.n", "op": "gt", "value": 1}
    told = dry_run_pipeline(
        SNAPSHOT,
        graph(
            {
                "split": [
                    {"id": "if", "uses": "echo", "if": number},
                    {"id": "with", "uses": "echo", "with": {"x": "{payload.no}"}},
                    {"id": "baggage", "uses": "echo", "baggage": {"x": "payload.no"}},
                ]
            }
        ),
        {"n": "text"},
    )
    assert rows(told) == [("if", "failed"), ("with", "failed"), ("baggage", "failed")]
    assert ["payload.n gt" in told["steps"][0]["reason"], "`with.x`" in told["steps"][1]["reason"]] == [True, True]


def test_a_step_whose_plugin_cannot_run_is_held() -> None:
    told = dry_run_pipeline(SNAPSHOT, graph({"split": [{"uses": "gone"}, {"uses": "off"}]}), {})
    assert [row["reason"] for row in told["steps"]] == [
        "there is no plugin 'gone'",
        "plugin 'off' is disabled: enabled: false",
    ]
    without = replace(plugin(), manifest=replace(plugin().manifest, commands={}))
    changed: Snapshot = replace(SNAPSHOT, plugins={"echo": without})
    assert dry_run_pipeline(changed, graph({"uses": "echo"}), {})["steps"][0]["status"] == "held"


def test_a_payload_that_breaks_the_schema_is_a_warning_as_in_a_run() -> None:
    (step,) = dry_run_pipeline(SNAPSHOT, graph({"uses": "echo.say"}), {"message": 1})["steps"]
    assert step["status"] == "dispatched"
    assert "/message" in step["warnings"][0]


def test_max_depth_ends_a_branch() -> None:
    told = dry_run_pipeline(
        SNAPSHOT, graph({"id": "a", "uses": "echo"}, {"uses": "echo"}, max_depth=1), {}, {"a": [{}]}
    )
    assert [row.get("reason") for row in told["steps"]] == [None, "max_depth"]


def test_the_pipelines_own_if_is_told_beside_its_steps() -> None:
    gate = {"path": "payload.n", "op": "gt", "value": 1}
    assert dry_run_pipeline(SNAPSHOT, graph({"uses": "echo"}, **{"if": gate}), {"n": 1}) | {"steps": 0} == {
        "pipeline": "p",
        "starts": False,
        "condition": gate,
        "values": {"payload.n": 1},
        "steps": 0,
    }
    told = dry_run_pipeline(SNAPSHOT, graph({"uses": "echo"}, **{"if": gate}), {"n": "x"})
    assert (told["starts"], "payload.n gt" in told["reason"]) == (False, True)


def test_an_answer_of_an_unknown_step_is_refused_with_what_was_meant() -> None:
    with pytest.raises(UnknownStep, match="did you mean `first`"):
        dry_run_pipeline(SNAPSHOT, graph({"id": "first", "uses": "echo"}), {}, {"frist": [{}]})


def test_a_long_chain_is_walked_and_a_wide_one_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [{"id": f"s{number}", "uses": "echo"} for number in range(990)]
    told = dry_run_pipeline(SNAPSHOT, graph(*long), {}, {f"s{number}": [{}] for number in range(990)})
    assert len(told["steps"]) == 990
    monkeypatch.setattr(module, "MAX_DRY_RUN_STEPS", 20)
    with pytest.raises(TooManySteps, match="more than 20"):
        dry_run_pipeline(SNAPSHOT, graph(*long[:5]), {}, {f"s{number}": [{}, {}] for number in range(5)})
