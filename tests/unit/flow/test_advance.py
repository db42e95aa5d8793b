"""Where an event goes in a graph."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.flow.advance import advance
from ductile.flow.compile import compile_pipelines
from ductile.flow.definition import load_graph
from ductile.flow.parse import parse_pipelines

X = {"path": "payload.x", "op": "eq", "value": 1}
"""Holds for the payload `{x: 1}`."""
NUMBER = {"path": "payload.x", "op": "gt", "value": 0}
"""Cannot be decided for a text."""


class AnyPlugin(dict):
    """Every plugin is known, with any command."""

    def __contains__(self: Any, name: Any) -> Any:
        return True

    def __missing__(self: Any, name: Any) -> Any:
        return None


def graph(*steps: Any, others: Any = (), **top: Any) -> Any:
    models, problems = parse_pipelines([{"name": "p", "on": "x", "steps": list(steps), **top}, *others])
    assert problems == ()
    graphs, problems = compile_pipelines(models, AnyPlugin())
    assert problems == ()
    return load_graph(graphs["p"].document)


def advance_to(
    found: Any, *, nodes: Any = None, payload: Any = None, context: Any = None, depth: Any = 0, configs: Any = None
) -> Any:
    start = found.entry if nodes is None else nodes
    return advance(found, start, payload or {}, context or {}, depth, lambda plugin: (configs or {}).get(plugin, {}))


def step_nodes(result: Any) -> Any:
    return [step.node for step in result.steps]


def skip_rows(result: Any) -> Any:
    return [(skip.step, skip.reason) for skip in result.skips]


def test_an_event_reaches_the_next_step() -> None:
    found = graph({"uses": "a"}, {"uses": "b.poll"})
    (step,) = advance_to(found, nodes=found.nodes["step_1"].next, depth=1).steps
    assert (step.node, step.plugin, step.command, step.depth, step.claimed, step.error) == (
        "step_2",
        "b",
        "poll",
        2,
        False,
        None,
    )


def test_an_event_of_a_last_step_goes_nowhere() -> None:
    found = graph({"uses": "a"})
    assert advance_to(found, nodes=found.nodes["step_1"].next) == advance_to(found, nodes=())
    assert advance_to(found, nodes=()).steps == ()


def test_steps_of_a_split_each_get_the_same_event_and_context() -> None:
    found = graph({"split": [{"uses": "a"}, {"uses": "b"}]})
    context = {"k": 1}
    result = advance_to(found, context=context)
    assert step_nodes(result) == ["step_1/step_1", "step_1/step_2"]
    assert all(step.context is context for step in result.steps)


def test_a_false_if_bypasses_the_step_with_the_same_event_and_a_row_that_says_why() -> None:
    found = graph({"uses": "a", "if": X}, {"uses": "b"})
    result = advance_to(found, payload={"x": 2})
    assert step_nodes(result) == ["step_2"]
    (skip,) = result.skips
    assert (skip.step, skip.reason, skip.condition, skip.values) == ("step_1", "condition", X, {"payload.x": 2})
    assert result.steps[0].depth == 1


def test_a_bypassed_step_claims_nothing() -> None:
    found = graph({"uses": "a", "if": X, "baggage": {"k": "payload.gone"}}, {"uses": "b"})
    (step,) = advance_to(found, payload={"x": 2}).steps
    assert (step.context, step.claimed, step.error) == ({}, False, None)


def test_several_steps_in_a_row_are_bypassed_at_once() -> None:
    found = graph(*[{"uses": "a", "if": X}] * 3, {"uses": "b"})
    result = advance_to(found)
    assert step_nodes(result) == ["step_4"]
    assert skip_rows(result) == [(f"step_{n}", "condition") for n in (1, 2, 3)]


def test_a_long_row_of_bypassed_steps_needs_no_recursion() -> None:
    found = graph(*[{"uses": "a", "if": X}] * 3000)
    assert len(advance_to(found).skips) == 3000


def test_nothing_is_left_when_the_last_step_is_bypassed() -> None:
    result = advance_to(graph({"uses": "a", "if": X}))
    assert (step_nodes(result), skip_rows(result)) == ([], [("step_1", "condition")])


def test_an_event_that_reaches_a_node_by_two_bypassed_branches_gives_one_step() -> None:
    found = graph({"split": [{"uses": "a", "if": X}, {"uses": "b", "if": X}]}, {"uses": "c"})
    result = advance_to(found)
    assert step_nodes(result) == ["step_2"]
    assert skip_rows(result) == [("step_1/step_1", "condition"), ("step_1/step_2", "condition")]


def test_steps_come_in_the_graphs_order_however_they_were_reached() -> None:
    found = graph({"split": [{"uses": "a", "if": X}, {"uses": "b"}]}, {"uses": "c"})
    assert step_nodes(advance_to(found)) == ["step_1/step_2", "step_2"]


@pytest.mark.parametrize(("payload", "expected"), [({"x": 1}, ["g/step_1", "g/step_2"]), ({}, ["step_2"])])
def test_a_gate_opens_its_group_or_leads_behind_it(payload: Any, expected: Any) -> None:
    found = graph({"id": "g", "if": X, "split": [{"uses": "a"}, {"uses": "b"}]}, {"uses": "c"})
    result = advance_to(found, payload=payload)
    assert step_nodes(result) == expected
    assert skip_rows(result) == ([] if payload else [("g", "condition")])
    assert {step.depth for step in result.steps} == {1}


def test_config_in_an_if_is_the_gated_steps_own() -> None:
    limit = {"path": "config.limit", "op": "gt", "value": 5}
    found = graph({"split": [{"id": "a", "uses": "a", "if": limit}, {"id": "b", "uses": "b", "if": limit}]})
    result = advance_to(found, configs={"a": {"limit": 9}, "b": {"limit": 1}})
    assert step_nodes(result) == ["a"]
    assert skip_rows(result) == [("b", "condition")]
    assert result.skips[0].values == {}


def test_a_claim_is_seen_by_the_step_itself_and_behind_it() -> None:
    found = graph({"uses": "a", "baggage": {"web.url": "payload.url"}}, {"uses": "b"})
    (first,) = advance_to(found, payload={"url": "u"}).steps
    assert (first.context, first.claimed) == ({"web": {"url": "u"}}, True)
    (second,) = advance_to(found, nodes=found.nodes["step_1"].next, context=first.context, depth=1).steps
    assert (second.context, second.claimed) == ({"web": {"url": "u"}}, False)


def test_a_claim_that_adds_nothing_makes_no_new_baggage() -> None:
    found = graph({"uses": "a", "baggage": {"k": "payload.x"}})
    (step,) = advance_to(found, payload={"x": 1}, context={"k": 1}).steps
    assert not step.claimed


def test_a_steps_own_claim_is_not_seen_by_its_if() -> None:
    seen = {"path": "context.k", "op": "exists"}
    found = graph({"uses": "a", "if": seen, "baggage": {"k": "payload.x"}})
    assert skip_rows(advance_to(found, payload={"x": 1})) == [("step_1", "condition")]


def test_if_and_baggage_see_the_payload_before_the_context_is_merged_under_it() -> None:
    found = graph({"uses": "a", "if": X}, {"uses": "b", "baggage": {"k": "payload.x"}})
    result = advance_to(found, payload={}, context={"x": 1})
    assert skip_rows(result) == [("step_1", "condition")]
    assert "nothing at `payload.x`" in result.steps[0].error


def test_a_condition_that_cannot_be_decided_fails_the_gated_step_and_ends_its_branch() -> None:
    found = graph({"split": [{"uses": "a", "if": NUMBER, "baggage": {"k": "payload.x"}}, {"uses": "b"}]}, {"uses": "c"})
    result = advance_to(found, payload={"x": "text"})
    failed, other = result.steps
    assert (failed.node, failed.plugin, failed.claimed, failed.context) == ("step_1/step_1", "a", False, {})
    assert "needs a number, but there is text" in failed.error
    assert (other.node, other.error) == ("step_1/step_2", None)
    assert result.skips == ()


def test_a_gate_that_cannot_be_decided_fails_under_its_own_name() -> None:
    found = graph({"id": "g", "if": NUMBER, "steps": [{"uses": "a"}]}, {"uses": "b"})
    (step,) = advance_to(found, payload={"x": "text"}).steps
    assert (step.node, step.plugin, step.command, step.depth) == ("g", "core", "if", 1)
    assert step.error


@pytest.mark.parametrize(
    ("payload", "words"),
    [({}, "nothing at `payload.x`"), ({"x": 2}, "earlier step claimed")],
)
def test_a_claim_that_cannot_be_made_fails_the_step(payload: Any, words: Any) -> None:
    found = graph({"uses": "a", "baggage": {"k": "payload.x"}}, {"uses": "b"})
    (step,) = advance_to(found, payload=payload, context={"k": 1}).steps
    assert words in step.error
    assert (step.node, step.claimed, step.context) == ("step_1", False, {"k": 1})


def test_a_branch_ends_at_max_depth_with_a_row_that_says_so() -> None:
    found = graph({"uses": "a"}, {"uses": "b"}, {"uses": "c"}, max_depth=2)
    assert step_nodes(advance_to(found, nodes=("step_2",), depth=1)) == ["step_2"]
    result = advance_to(found, nodes=("step_3",), depth=2)
    assert (step_nodes(result), skip_rows(result)) == ([], [("step_3", "max_depth")])


def test_bypassed_steps_and_gates_do_not_count_towards_max_depth() -> None:
    found = graph({"uses": "a", "if": X}, {"if": {"not": X}, "steps": [{"uses": "b"}]}, {"uses": "c"}, max_depth=1)
    assert step_nodes(advance_to(found)) == ["step_2/step_1"]
    result = advance_to(found, nodes=("step_3",), depth=1)
    assert skip_rows(result) == [("step_3", "max_depth")]


def test_beyond_max_depth_nothing_fails() -> None:
    found = graph({"uses": "a"}, {"uses": "b", "if": NUMBER}, max_depth=1)
    result = advance_to(found, nodes=("step_2",), payload={"x": "text"}, depth=1)
    assert (step_nodes(result), skip_rows(result)) == ([], [("step_2", "max_depth")])


def test_max_depth_zero_sets_no_limit() -> None:
    assert step_nodes(advance_to(graph({"uses": "a"}, max_depth=0), depth=10**6)) == ["step_1"]


CONDITIONS = st.sampled_from([{}, {"if": X}, {"if": {"not": X}}, {"if": NUMBER}])
STEPS = st.recursive(
    CONDITIONS.map(lambda extra: {"uses": "a", **extra}),
    lambda inner: st.builds(
        lambda key, steps, extra: {key: steps, **extra},
        st.sampled_from(["steps", "split"]),
        st.lists(inner, min_size=1, max_size=3),
        CONDITIONS,
    ),
    max_leaves=10,
)


@given(st.lists(STEPS, min_size=1, max_size=4), st.sampled_from([{}, {"x": 1}, {"x": 2}, {"x": "t"}]))
def test_every_node_is_reached_at_most_once_by_an_event_and_in_order(steps: Any, payload: Any) -> None:
    found = graph(*steps)
    result = advance_to(found, payload=payload)
    position = {name: index for index, name in enumerate(found.nodes)}
    for names in (step_nodes(result), [skip.step for skip in result.skips]):
        assert [position[name] for name in names] == sorted({position[name] for name in names})
    assert not set(step_nodes(result)) & {skip.step for skip in result.skips}
    assert result.steps or result.skips


def test_many_bypassed_splits_in_a_row_cost_no_more_than_their_steps() -> None:
    split = {"split": [{"uses": "a", "if": X}, {"uses": "b", "if": X}]}
    result = advance_to(graph(*[split] * 60, {"uses": "c"}))
    assert step_nodes(result) == ["step_61"]
    assert len(result.skips) == 120
