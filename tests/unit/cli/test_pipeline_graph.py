"""Pipelines as pictures."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.cli.core import pipeline_graph
from ductile.describe.pipeline_document import pipeline_document
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel

POSITIVE = {"path": "payload.n", "op": "gt", "value": 0}


def document(*steps: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    model = PipelineModel.model_validate({"name": "p", "on": "a.b", "steps": list(steps), **more})
    graphs, problems = compile_pipelines([model], {"echo": {"handle", "poll"}})
    assert not problems
    return pipeline_document(graphs["p"])


CHAIN = document(
    {"id": "one", "uses": "echo", "with": {"text": "{payload.x}", "n": 1}, "baggage": {"kept.x": "payload.x"}},
    {"id": "two", "uses": "echo.poll", "if": POSITIVE},
    {"id": "three", "uses": "echo"},
)
WIDE = document(
    {"split": [{"id": "left", "uses": "echo"}, {"id": "right", "uses": "echo"}]},
    {"id": "group", "if": POSITIVE, "steps": [{"id": "inner", "uses": "echo"}]},
    {"id": "last", "uses": "echo"},
)


def test_a_chain_is_a_list_with_what_each_step_says() -> None:
    assert list(pipeline_graph.draw_text(CHAIN)) == [
        "p: on a.b",
        "one: echo.handle",
        '    with text = "{payload.x}"',
        "    with n = 1",
        "    claims kept.x = payload.x",
        "two: echo.poll",
        "    if payload.n gt 0",
        "three: echo.handle",
    ]


def test_branches_are_indented_and_nothing_is_drawn_twice() -> None:
    assert list(pipeline_graph.draw_text(WIDE)) == [
        "p: on a.b",
        "- left: echo.handle",
        "  group",
        "      if payload.n gt 0",
        "  group/inner: echo.handle",
        "  last: echo.handle",
        "    else last, as above",
        "- right: echo.handle",
        "  group, as above",
    ]


def test_a_picture_has_a_diamond_before_what_a_condition_guards() -> None:
    assert list(pipeline_graph.draw_mermaid(CHAIN)) == [
        "flowchart TD",
        '  start(["p: on a.b"])',
        '  step1["one: echo.handle"]',
        '  if2{"payload.n gt 0"}',
        '  step2["two: echo.poll"]',
        '  step3["three: echo.handle"]',
        "  start --> step1",
        "  step1 --> if2",
        "  if2 -->|true| step2",
        "  if2 -->|else| step3",
        "  step2 --> step3",
    ]
    assert list(pipeline_graph.draw_dot(WIDE)) == [
        'digraph "p" {',
        '  start [shape=oval, label="p: on a.b"];',
        '  step1 [shape=box, label="left: echo.handle"];',
        '  step2 [shape=box, label="right: echo.handle"];',
        '  if3 [shape=diamond, label="payload.n gt 0"];',
        '  step4 [shape=box, label="group/inner: echo.handle"];',
        '  step5 [shape=box, label="last: echo.handle"];',
        "  start -> step1;",
        "  start -> step2;",
        "  step1 -> if3;",
        "  step2 -> if3;",
        '  if3 -> step4 [label="true"];',
        '  if3 -> step5 [label="else"];',
        "  step4 -> step5;",
        "}",
    ]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "on a.b"),
        ({"from_plugin": "echo", "if": POSITIVE}, "on a.b from echo if payload.n gt 0"),
        ({"execution_mode": "synchronous", "timeout": "1500ms"}, "on a.b, synchronous within 1.5s"),
    ],
)
def test_what_starts_a_pipeline_is_one_sentence(more: dict[str, Any], told: str) -> None:
    assert pipeline_graph.describe_trigger(document({"uses": "echo"}, **more)) == told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"path": "payload.x", "op": "exists"}, "payload.x exists"),
        ({"not": {"path": "payload.x", "op": "eq", "value": "a b"}}, 'not (payload.x eq "a b")'),
        ({"all": [POSITIVE, {"any": [POSITIVE, POSITIVE]}]}, "payload.n gt 0 and (payload.n gt 0 or payload.n gt 0)"),
        ({"any": [{"all": [POSITIVE]}, POSITIVE]}, "payload.n gt 0 or payload.n gt 0"),
    ],
)
def test_a_condition_is_a_sentence(written: dict[str, Any], told: str) -> None:
    assert pipeline_graph.describe_condition(written) == told


@given(st.text(min_size=1).filter(lambda name: name.strip() and "/" not in name and name.isprintable()))
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    drawn = document({"id": name, "uses": "echo"})
    line = next(line for line in pipeline_graph.draw_mermaid(drawn) if line.startswith("  step1["))
    assert line[9:-2].count('"') == 0
    line = next(line for line in pipeline_graph.draw_dot(drawn) if line.startswith("  step1 ["))
    label = line.removeprefix("  step1 [shape=box, label=").removesuffix("];")
    assert label[1:-1].replace("\\\\", "").replace('\\"', "").count('"') == 0


def test_a_long_pipeline_is_drawn_without_recursion() -> None:
    long = document(*({"id": f"s{number}", "uses": "echo", "if": POSITIVE} for number in range(3000)))
    assert len(list(pipeline_graph.draw_text(long))) == 6001
    assert len(list(pipeline_graph.draw_mermaid(long))) > 9000
