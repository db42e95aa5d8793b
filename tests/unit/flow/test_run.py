"""How a run behaves, as far as the flow alone decides it: whole runs, played without a store or a process."""

from types import SimpleNamespace
from typing import Any

import pytest

from ductile.flow.advance import advance
from ductile.flow.compile import compile_pipelines
from ductile.flow.definition import load_graph
from ductile.flow.parse import parse_pipelines
from ductile.flow.payload import merge_context
from ductile.flow.template import remap_payload
from ductile.flow.triggers import pipelines_on_event


def run_pipeline(pipelines: Any, plugins: Any, payload: Any, name: Any = "p") -> Any:
    """Run pipeline `name` on a payload: the steps in the order they ran, each with its request's payload and context.

    A plugin is a function from its request's payload to the payloads of the events it emits.
    """
    models, problems = parse_pipelines([{"on": "x", **one} for one in pipelines])
    assert problems == ()
    graphs, problems = compile_pipelines(models, dict.fromkeys(plugins))
    assert problems == ()
    graph = load_graph(graphs[name].document)
    ran, rows = [], []
    waiting = [(graph.entry, payload, {}, 0)]
    while waiting:
        nodes, event, inherited, depth = waiting.pop(0)
        result = advance(graph, nodes, event, inherited, depth, lambda _: {})
        rows += [(skip.step, skip.reason) for skip in result.skips]
        for step in result.steps:
            if step.error:
                rows.append((step.node, step.error))
                continue
            request = remap_payload(
                graph.nodes[step.node].remap or {}, merge_context(event, step.context), step.context
            )
            ran.append((step.node, request, step.context))
            emitted = plugins[step.plugin](request)
            waiting += [(graph.nodes[step.node].next, one, step.context, step.depth) for one in emitted]
    return ran, rows


def node_names(ran: Any) -> Any:
    return [node for node, _, _ in ran]


def emit_unchanged(payload: Any) -> Any:
    return [payload]


def test_unnamed_steps_are_step_1_and_on() -> None:
    ran, _ = run_pipeline(
        [{"name": "p", "steps": [{"uses": "a"}, {"id": "mine", "uses": "a"}, {"uses": "a"}]}], {"a": emit_unchanged}, {}
    )
    assert node_names(ran) == ["step_1", "mine", "step_3"]


def test_a_call_is_inlined_with_its_context_carried_in_and_out() -> None:
    outer = {
        "name": "p",
        "steps": [
            {"uses": "a", "baggage": {"before": "payload.n"}},
            {"id": "sub", "call": "q"},
            {"uses": "a", "with": {"seen": "{context.before} {context.inside}"}},
        ],
    }
    inner = {"name": "q", "steps": [{"uses": "a", "baggage": {"inside": "context.before"}}]}
    ran, rows = run_pipeline([outer, inner], {"a": emit_unchanged}, {"n": 7})
    assert node_names(ran) == ["step_1", "sub/step_1", "step_3"]
    assert ran[-1][1]["seen"] == "7 7"
    assert rows == []


@pytest.mark.parametrize("middle", [{"split": [{"uses": "a"}, {"uses": "a"}]}, {"call": "q"}])
def test_each_event_that_leaves_a_call_or_a_split_goes_on_by_itself(middle: Any) -> None:
    inner = {"name": "q", "steps": [{"uses": "two"}]}
    ran, _ = run_pipeline(
        [{"name": "p", "steps": [middle, {"id": "end", "uses": "a"}]}, inner],
        {"a": emit_unchanged, "two": lambda payload: [payload, payload]},
        {},
    )
    assert node_names(ran).count("end") == 2


def test_each_emitted_event_continues_the_chain_also_past_an_if() -> None:
    step = {"uses": "a", "if": {"path": "payload.n", "op": "eq", "value": 1}}
    ran, rows = run_pipeline(
        [{"name": "p", "steps": [{"uses": "three"}, step, {"id": "end", "uses": "a"}]}],
        {"a": emit_unchanged, "three": lambda _: [{"n": 1}, {"n": 2}, {"n": 3}]},
        {},
    )
    assert node_names(ran) == ["step_1", "step_2", "end", "end", "end"]
    assert rows == [("step_2", "condition")] * 2


def test_a_payload_is_per_hop_and_only_what_was_claimed_or_remapped_goes_further() -> None:
    pipeline = {
        "name": "p",
        "steps": [{"uses": "a", "baggage": {"kept": "payload.x"}}, {"uses": "fresh"}, {"uses": "a"}],
    }
    ran, _ = run_pipeline([pipeline], {"a": emit_unchanged, "fresh": lambda _: [{"new": 1}]}, {"x": 1, "y": 2})
    assert ran[-1][1] == {"new": 1, "kept": 1}


def test_if_and_baggage_see_the_payload_before_the_context_merge_and_with_sees_it_after() -> None:
    pipeline = {
        "name": "p",
        "steps": [
            {"uses": "empty", "baggage": {"x": "payload.x"}},
            {"uses": "a", "if": {"path": "payload.x", "op": "exists"}},
            {"uses": "a", "with": {"y": "{payload.x}"}},
            {"uses": "a", "baggage": {"z": "payload.gone"}},
        ],
    }
    ran, rows = run_pipeline([pipeline], {"a": emit_unchanged, "empty": lambda _: [{}]}, {"x": 1})
    assert node_names(ran) == ["step_1", "step_3"]
    assert ran[-1][1] == {"x": 1, "y": 1}
    assert [row[0] for row in rows] == ["step_2", "step_4"]


def test_a_failed_claim_ends_its_own_branch_and_others_run_on() -> None:
    split = {"split": [{"uses": "a", "baggage": {"k": "payload.gone"}}, {"uses": "a"}]}
    ran, rows = run_pipeline([{"name": "p", "steps": [split, {"id": "end", "uses": "a"}]}], {"a": emit_unchanged}, {})
    assert node_names(ran) == ["step_1/step_2", "end"]
    assert [row[0] for row in rows] == ["step_1/step_1"]


def test_branches_of_a_split_do_not_see_each_others_baggage() -> None:
    split = {"split": [{"uses": "a", "baggage": {"k": "payload.x"}}, {"uses": "a", "baggage": {"k": "payload.y"}}]}
    ran, rows = run_pipeline([{"name": "p", "steps": [split]}], {"a": emit_unchanged}, {"x": 1, "y": 2})
    assert [context for _, _, context in ran] == [{"k": 1}, {"k": 2}]
    assert rows == []


def test_max_depth_counts_steps_and_ends_its_branch_with_a_row() -> None:
    pipeline = {"name": "p", "max_depth": 2, "steps": [{"uses": "a"}, {"steps": [{"uses": "a"}, {"uses": "a"}]}]}
    ran, rows = run_pipeline([pipeline], {"a": emit_unchanged}, {})
    assert node_names(ran) == ["step_1", "step_2/step_1"]
    assert rows == [("step_2/step_2", "max_depth")]


def test_a_step_without_events_of_its_own_only_continues() -> None:
    # A snapshot that would start something on it.
    snapshot = SimpleNamespace(on_event={"ductile.step.succeeded": ("a graph",)})
    assert pipelines_on_event(snapshot, "ductile.step.succeeded", "a", {}, {}) == ((), ())
