"""A pipeline as a document."""

from support.web import snapshot

from ductile.describe.pipeline_document import pipeline_document, pipelines_document
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel


def test_a_pipeline_says_what_starts_it_and_where_each_step_leads() -> None:
    gate = {"path": "payload.go", "op": "exists"}
    model = PipelineModel.model_validate(
        {
            "name": "p",
            "on": "a.b",
            "from_plugin": "echo",
            "if": gate,
            "execution_mode": "synchronous",
            "timeout": "1500ms",
            "steps": [
                {"id": "one", "uses": "echo", "with": {"x": 1}, "baggage": {"a": "payload.a"}, "if": gate},
                {"uses": "echo.poll", "baggage": {"from": "payload.o", "namespace": "o"}},
            ],
        }
    )
    graphs, problems = compile_pipelines([model], {"echo": {"handle", "poll"}})
    assert not problems
    graph = graphs["p"]
    assert pipeline_document(graph) == {
        "name": "p",
        "on": "a.b",
        "on_hook": None,
        "from_plugin": "echo",
        "if": gate,
        "execution_mode": "synchronous",
        "timeout_secs": 1.5,
        "max_depth": graph.max_depth,
        "hash": graph.hash,
        "entry": ["one"],
        "steps": [
            {
                "step": "one",
                "plugin": "echo",
                "command": "handle",
                "if": gate,
                "with": {"x": 1},
                "baggage": {"a": "payload.a"},
                "next": ["step_2"],
                "bypass": ["step_2"],
            },
            {
                "step": "step_2",
                "plugin": "echo",
                "command": "poll",
                "if": None,
                "with": None,
                "baggage": {"o.*": "payload.o"},
                "next": [],
                "bypass": [],
            },
        ],
    }


def test_all_pipelines_come_by_name() -> None:
    names = [one["name"] for one in pipelines_document(snapshot())["pipelines"]]
    assert names == sorted(names)
    assert "sync" in names
