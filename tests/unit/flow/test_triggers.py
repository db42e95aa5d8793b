"""What an event or a signal starts."""

from types import SimpleNamespace
from typing import Any

import pytest

from ductile.flow.compile import compile_pipelines
from ductile.flow.parse import parse_pipelines
from ductile.flow.triggers import pipelines_on_event, pipelines_on_hook, routes_for_event
from ductile.model.snapshot import EventRoute


def snapshot(*pipelines: Any) -> Any:
    """The part of a snapshot that matching reads."""
    raw = [{"name": f"p{index}", "steps": [{"uses": "echo"}], **top} for index, top in enumerate(pipelines)]
    models, problems = parse_pipelines(raw)
    assert problems == ()
    graphs, _ = compile_pipelines(models, {"echo": None})
    on_event, on_hook = {}, {}
    for graph in graphs.values():
        where, key = (on_event, graph.on) if graph.on else (on_hook, graph.on_hook)
        where[key] = (*where.get(key, ()), graph)
    route = EventRoute(source="src", event_type="x", to="echo")
    return SimpleNamespace(on_event=on_event, on_hook=on_hook, routes={("src", "x"): (route,)})


def names_of_started(
    pipelines: Any, event_type: Any = "x", source: Any = "src", payload: Any = None, context: Any = None
) -> Any:
    graphs, notes = pipelines_on_event(snapshot(*pipelines), event_type, source, payload or {}, context or {})
    return [graph.name for graph in graphs], notes


HOT = {"path": "payload.t", "op": "gt", "value": 30}


@pytest.mark.parametrize(
    ("pipelines", "given", "expected"),
    [
        ([{"on": "x"}], {}, ["p0"]),
        ([{"on": "x"}, {"on": "y"}, {"on": "x"}], {}, ["p0", "p2"]),
        ([{"on": "x"}], {"event_type": "x.y"}, []),
        ([{"on": "x"}], {"event_type": "X"}, []),
        ([{"on": "x"}], {"source": ""}, ["p0"]),
        ([{"on": "x", "from_plugin": "src"}], {}, ["p0"]),
        ([{"on": "x", "from_plugin": "src"}], {"source": "src2"}, []),
        ([{"on": "x", "from_plugin": "src"}], {"source": ""}, []),
        ([{"on": "x", "if": HOT}], {"payload": {"t": 31}}, ["p0"]),
        ([{"on": "x", "if": HOT}], {"payload": {"t": 30}}, []),
        ([{"on": "x", "if": HOT}], {"payload": {}}, []),
        ([{"on": "x", "if": {"path": "context.k", "op": "eq", "value": 1}}], {"context": {"k": 1}}, ["p0"]),
        ([{"on": "x", "if": {"path": "context.k", "op": "eq", "value": 1}}], {}, []),
        ([{"on-hook": "job.failed"}], {"event_type": "job.failed"}, []),
    ],
)
def test_an_event_starts(pipelines: Any, given: Any, expected: Any) -> None:
    assert names_of_started(pipelines, **given) == (expected, ())


def test_a_condition_that_cannot_be_decided_starts_nothing_and_leaves_a_note_without_values() -> None:
    names, (note,) = names_of_started([{"on": "x", "if": HOT}, {"on": "x"}], payload={"t": "secret-text"})
    assert names == ["p1"]
    assert "pipeline p0" in note
    assert "`payload.t gt` needs a number" in note
    assert "secret-text" not in note


def test_from_plugin_is_checked_before_the_condition() -> None:
    assert names_of_started([{"on": "x", "from_plugin": "other", "if": HOT}], payload={"t": "text"}) == ([], ())


def test_the_event_of_a_step_without_events_starts_nothing() -> None:
    graphs = snapshot({"on": "x"})
    graphs.on_event["ductile.step.succeeded"] = graphs.on_event["x"]
    graphs.routes["src", "ductile.step.succeeded"] = graphs.routes["src", "x"]
    assert pipelines_on_event(graphs, "ductile.step.succeeded", "src", {}, {}) == ((), ())
    assert routes_for_event(graphs, "ductile.step.succeeded", "src") == ()


def test_a_route_is_found_by_source_and_type() -> None:
    assert [route.to for route in routes_for_event(snapshot(), "x", "src")] == ["echo"]
    assert routes_for_event(snapshot(), "x", "other") == ()


@pytest.mark.parametrize(
    ("top", "signal", "source", "payload", "expected"),
    [
        ({}, "job.failed", "src", {}, ["p0"]),
        ({}, "job.dead", "src", {}, []),
        ({"from_plugin": "src"}, "job.failed", "src", {}, ["p0"]),
        ({"from_plugin": "src"}, "job.failed", "other", {}, []),
        (
            {"if": {"path": "payload.plugin", "op": "eq", "value": "src"}},
            "job.failed",
            "src",
            {"plugin": "src"},
            ["p0"],
        ),
        ({"if": {"path": "context.k", "op": "exists"}}, "job.failed", "src", {}, []),
    ],
)
def test_a_signal_starts(top: Any, signal: Any, source: Any, payload: Any, expected: Any) -> None:
    graphs, notes = pipelines_on_hook(snapshot({"on-hook": "job.failed", **top}), signal, source, payload)
    assert [graph.name for graph in graphs] == expected
    assert notes == ()
