"""From the written pipelines to their graphs."""

from typing import Any

import orjson
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ductile.flow.compile import MAX_NODES, compile_pipelines
from ductile.flow.definition import UnknownDefinitionVersion, load_graph
from ductile.flow.parse import parse_pipelines
from ductile.model.graph import Claim

COMMANDS = {"echo": {"handle", "poll"}, "mail": {"handle"}, "sick": None, "a": None, "b": None, "c": None, "d": None}
HOLDS = {"path": "payload.x", "op": "exists"}


def compile_raw(*raw: Any, commands: Any = COMMANDS, emits: Any = None) -> Any:
    models, problems = parse_pipelines(list(raw))
    assert problems == ()
    return compile_pipelines(models, commands, emits=emits)


def graph(*steps: Any, others: Any = (), **top: Any) -> Any:
    graphs, problems = compile_raw({"name": "p", "on": "x", "steps": list(steps), **top}, *others)
    assert problems == ()
    return graphs["p"]


def shape(found: Any) -> Any:
    """Node → where it leads; with `| bypass` where it can be passed by."""
    return {
        name: " ".join(node.next) + (f" | {' '.join(node.bypass)}" if node.condition else "")
        for name, node in found.nodes.items()
    }


def test_steps_follow_each_other_in_order() -> None:
    found = graph({"uses": "a"}, {"id": "second", "uses": "b"}, {"uses": "c"})
    assert found.entry == ("step_1",)
    assert list(found.nodes) == ["step_1", "second", "step_3"]
    assert shape(found) == {"step_1": "second", "second": "step_3", "step_3": ""}


def test_uses_names_a_plugins_handle_or_one_command() -> None:
    found = graph({"uses": "echo"}, {"uses": "echo.poll"})
    assert [(node.plugin, node.command) for node in found.nodes.values()] == [("echo", "handle"), ("echo", "poll")]


def test_a_step_carries_its_condition_remap_and_claims() -> None:
    step = {"uses": "a", "if": HOLDS, "with": {"k": "{payload.x}"}, "baggage": {"v": "payload.x"}}
    node = graph(step, {"uses": "b"}).nodes["step_1"]
    assert node.condition == HOLDS
    assert node.remap == {"k": "{payload.x}"}
    assert node.baggage == (Claim(target="v", source="payload.x"),)
    assert node.next == node.bypass == ("step_2",)


@pytest.mark.parametrize(
    ("steps", "entry", "expected"),
    [
        (
            [{"uses": "a"}, {"split": [{"uses": "b"}, {"uses": "c"}]}, {"uses": "d"}],
            "step_1",
            {
                "step_1": "step_2/step_1 step_2/step_2",
                "step_2/step_1": "step_3",
                "step_2/step_2": "step_3",
                "step_3": "",
            },
        ),
        (
            [{"steps": [{"uses": "a"}, {"uses": "b"}]}, {"uses": "c"}],
            "step_1/step_1",
            {"step_1/step_1": "step_1/step_2", "step_1/step_2": "step_2", "step_2": ""},
        ),
        (
            [{"id": "g", "steps": [{"id": "x", "uses": "a"}, {"uses": "b"}]}],
            "g/x",
            {"g/x": "g/step_2", "g/step_2": ""},
        ),
        (
            [{"split": [{"id": "left", "uses": "a"}, {"id": "right", "steps": [{"uses": "b"}]}]}],
            "left right/step_1",
            {"left": "", "right/step_1": ""},
        ),
        (
            [{"split": [{"uses": "a", "if": HOLDS}, {"steps": [{"uses": "b"}, {"uses": "c"}]}]}, {"uses": "d"}],
            "step_1/step_1 step_1/step_2/step_1",
            {
                "step_1/step_1": "step_2 | step_2",
                "step_1/step_2/step_1": "step_1/step_2/step_2",
                "step_1/step_2/step_2": "step_2",
                "step_2": "",
            },
        ),
        (
            [{"if": HOLDS, "split": [{"uses": "a"}, {"uses": "b"}]}, {"uses": "c"}],
            "step_1",
            {
                "step_1": "step_1/step_1 step_1/step_2 | step_2",
                "step_1/step_1": "step_2",
                "step_1/step_2": "step_2",
                "step_2": "",
            },
        ),
        (
            [{"id": "g", "if": HOLDS, "steps": [{"uses": "a"}]}],
            "g",
            {"g": "g/step_1 | ", "g/step_1": ""},
        ),
    ],
)
def test_groups_and_splits_dissolve(steps: Any, entry: Any, expected: Any) -> None:
    found = graph(*steps)
    assert " ".join(found.entry) == entry
    assert shape(found) == expected
    assert list(found.nodes) == list(expected)


OTHER = {"name": "other", "on": "y", "if": HOLDS, "max_depth": 1, "steps": [{"id": "in", "uses": "a"}, {"uses": "b"}]}


def test_a_call_is_inlined_below_its_own_id() -> None:
    found = graph({"uses": "c"}, {"id": "sub", "call": "other"}, {"call": "other"}, {"uses": "d"}, others=[OTHER])
    assert shape(found) == {
        "step_1": "sub/in",
        "sub/in": "sub/step_2",
        "sub/step_2": "step_3/in",
        "step_3/in": "step_3/step_2",
        "step_3/step_2": "step_4",
        "step_4": "",
    }
    assert list(found.nodes) == ["step_1", "sub/in", "sub/step_2", "step_3/in", "step_3/step_2", "step_4"]
    assert found.max_depth == 0


def test_a_call_with_a_condition_is_a_gate_before_it() -> None:
    found = graph({"id": "sub", "call": "other", "if": HOLDS}, {"uses": "d"}, others=[OTHER])
    assert found.entry == ("sub",)
    assert found.nodes["sub"].plugin is None
    assert shape(found)["sub"] == "sub/in | step_2"


def test_a_bypass_at_the_end_of_a_call_leads_behind_the_call() -> None:
    last = {"name": "other", "on": "y", "steps": [{"uses": "a", "if": HOLDS}]}
    found = graph({"call": "other"}, {"uses": "d"}, others=[last])
    assert shape(found) == {"step_1/step_1": "step_2 | step_2", "step_2": ""}


def test_calls_nest_in_a_long_chain() -> None:
    chain = [{"name": f"n{i}", "on": "y", "steps": [{"call": f"n{i + 1}"}]} for i in range(1500)]
    last = {"name": "n1500", "on": "y", "steps": [{"uses": "a"}]}
    graphs, problems = compile_raw(*chain, last)
    assert problems == ()
    assert list(graphs) == [f"n{i}" for i in range(1501)]
    assert len(graphs["n0"].nodes) == 1


def test_the_top_of_a_pipeline_comes_along() -> None:
    found = graph({"uses": "a"}, execution_mode="synchronous", timeout="30s", max_depth=4, from_plugin="echo")
    assert (found.synchronous, found.timeout, found.max_depth, found.from_plugin, found.on) == (
        True,
        30_000,
        4,
        "echo",
        "x",
    )
    hook, _ = compile_raw({"name": "h", "on-hook": "job.failed", "if": HOLDS, "steps": [{"uses": "a"}]})
    assert (hook["h"].on, hook["h"].on_hook, hook["h"].condition) == (None, "job.failed", HOLDS)


def problem_lines(problems: Any) -> Any:
    return [(problem.code, ".".join(map(str, problem.path[1:]))) for problem in problems]


def pipeline(name: Any, *steps: Any, **top: Any) -> Any:
    return {"name": name, "on": "x", "steps": list(steps), **top}


@pytest.mark.parametrize(
    ("raw", "expected", "words"),
    [
        (
            [pipeline("p", {"uses": "ecoh"})],
            [("unknown_plugin", "0.steps.0.uses")],
            "no plugin `ecoh`; did you mean `echo`?",
        ),
        ([pipeline("p", {"uses": "echo.pol"})], [("unknown_command", "0.steps.0.uses")], "did you mean `poll`?"),
        ([pipeline("p", {"uses": "mail.zzz"})], [("unknown_command", "0.steps.0.uses")], "it has `handle`"),
        ([pipeline("p", {"uses": "a."})], [("bad_value", "0.steps.0.uses")], "names no step"),
        ([pipeline("p", {"uses": "a.b.c"})], [("bad_value", "0.steps.0.uses")], "names no step"),
        (
            [pipeline("p", {"split": [{"uses": "no"}]})],
            [("unknown_plugin", "0.steps.0.split.0.uses")],
            "no plugin `no`",
        ),
        ([pipeline("p", {"call": "q"})], [("unknown_pipeline", "0.steps.0.call")], "no pipeline `q`"),
        ([pipeline("p", {"call": "oter"}), OTHER], [("unknown_pipeline", "0.steps.0.call")], "did you mean `other`?"),
        ([pipeline("p", {"uses": "a"}), pipeline("p", {"uses": "a"})], [("duplicate", "1.name")], "names are unique"),
        ([pipeline("p", {"id": "i", "uses": "a"}, {"id": "i", "uses": "a"})], [("duplicate", "0.steps.1.id")], "`i`"),
        ([pipeline("p", {"id": "step_2", "uses": "a"}, {"uses": "a"})], [("duplicate", "0.steps.1")], "`step_2`"),
        (
            [pipeline("p", {"id": "i", "uses": "a"}, {"split": [{"id": "i", "uses": "a"}]})],
            [("duplicate", "0.steps.1.split.0.id")],
            "`i`",
        ),
        (
            [pipeline("p", {"id": "i", "steps": [{"uses": "a"}]}, {"id": "i", "uses": "a"})],
            [("duplicate", "0.steps.1.id")],
            "`i`",
        ),
        ([pipeline("a", {"call": "a"})], [("cycle", "0.steps.0.call")], "a → a"),
        ([pipeline("a", {"call": "b"}), pipeline("b", {"call": "a"})], [("cycle", "1.steps.0.call")], "a → b → a"),
        (
            [
                pipeline("x", {"call": "b"}),
                pipeline("b", {"uses": "a"}, {"call": "c"}),
                pipeline("c", {"steps": [{"call": "b"}]}),
            ],
            [("cycle", "2.steps.0.steps.0.call")],
            "b → c → b",
        ),
    ],
)
def test_what_cannot_be_compiled_is_one_located_problem(raw: Any, expected: Any, words: Any) -> None:
    _, problems = compile_raw(*raw)
    assert problem_lines(problems) == expected
    assert words in problems[0].message


def test_two_cycles_are_both_reported() -> None:
    _, problems = compile_raw(pipeline("a", {"call": "a"}, {"call": "b"}), pipeline("b", {"call": "a"}))
    assert [problem.message.split(": ")[1] for problem in problems] == ["a → a", "a → b → a"]


def test_a_call_of_a_broken_pipeline_is_not_a_second_mistake() -> None:
    models, problems = parse_pipelines(
        [pipeline("p", {"call": "q"}), pipeline("q", {"use": "a"}), pipeline("r", {"uses": "a"})]
    )
    assert len(problems) == 1
    graphs, more = compile_pipelines(models, COMMANDS)
    assert more == ()
    assert list(graphs) == ["r"]


def test_any_command_of_a_quarantined_plugin_is_taken_on_trust() -> None:
    assert graph({"uses": "sick.whatever"}).nodes["step_1"].command == "whatever"


def test_from_plugin_of_no_plugin_is_a_warning() -> None:
    graphs, (problem,) = compile_raw(pipeline("p", {"uses": "a"}, from_plugin="ecoh"))
    assert (problem.severity, problem.path) == ("warning", ("pipelines", 0, "from_plugin"))
    assert "p" in graphs


def test_a_graph_may_not_grow_without_bound() -> None:
    doubling = [pipeline(f"n{i}", {"call": f"n{i + 1}"}, {"call": f"n{i + 1}"}) for i in range(40)]
    graphs, (problem,) = compile_raw(*doubling, pipeline("n40", {"uses": "a"}))
    assert problem.code == "too_large"
    assert "10,000" in problem.message
    assert problem.path == ("pipelines", 26, "steps", 0, "call")
    assert max(len(found.nodes) for found in graphs.values()) <= MAX_NODES


def test_the_hash_covers_what_a_run_is_pinned_to_and_nothing_else() -> None:
    base = graph({"uses": "a"})
    assert base.hash == blake3(base.document).hexdigest()
    assert graph({"uses": "a"}, **{"if": HOLDS, "from_plugin": "echo"}).hash == base.hash
    assert graph({"uses": "b"}).hash != base.hash
    assert graph({"uses": "a"}, max_depth=1).hash != base.hash
    assert graph({"uses": "a"}, timeout="1s").hash != base.hash
    assert graph({"uses": "a", "with": {"k": 1, "j": 2}}).hash == graph({"uses": "a", "with": {"j": 2, "k": 1}}).hash


EMITS = {("echo", "handle"): ["payload.url", "size"], ("mail", "handle"): ["sent"]}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"uses": "echo"}, {"uses": "a", "with": {"k": "{payload.url.host}"}}], []),
        ([{"uses": "echo"}, {"uses": "a", "with": {"k": "{payload.result}"}}], []),
        ([{"uses": "echo"}, {"uses": "a", "with": {"k": ["x {payload.urll}"]}}], [("unknown_path", "0.steps.1.with")]),
        (
            [{"uses": "echo"}, {"uses": "a", "if": {"not": {"path": "payload.urll", "op": "exists"}}}],
            [("unknown_path", "0.steps.1.if")],
        ),
        (
            [{"uses": "echo"}, {"steps": [{"uses": "a"}], "if": {"path": "payload.no", "op": "exists"}}],
            [("unknown_path", "0.steps.1.if")],
        ),
        ([{"uses": "a", "with": {"k": "{payload.anything}"}}], []),
        ([{"uses": "a"}, {"uses": "a", "with": {"k": "{payload.anything}"}}], []),
        (
            [
                {"uses": "echo"},
                {"uses": "mail", "if": HOLDS | {"path": "payload.url"}},
                {"uses": "a", "with": {"k": "{payload.url}"}},
            ],
            [],
        ),
        (
            [
                {"split": [{"uses": "echo"}, {"uses": "mail"}]},
                {"uses": "a", "with": {"k": "{payload.sent}", "j": "{payload.size}"}},
            ],
            [],
        ),
        ([{"split": [{"uses": "echo"}, {"uses": "a"}]}, {"uses": "a", "with": {"k": "{payload.sent}"}}], []),
        ([{"uses": "echo", "baggage": {"fact.x": "payload.q"}}, {"uses": "a", "with": {"k": "{payload.fact.x}"}}], []),
    ],
)
def test_a_path_that_nothing_before_is_known_to_send_is_a_warning(steps: Any, expected: Any) -> None:
    graphs, problems = compile_raw(pipeline("p", *steps), emits=EMITS)
    assert problem_lines(problems) == expected
    assert all(problem.severity == "warning" for problem in problems)
    assert "p" in graphs


def steps_strategy(calls: Any) -> Any:
    condition = st.sampled_from([{}, {"if": HOLDS}])
    leaf = st.sampled_from(
        [
            {"uses": "a"},
            {"uses": "echo.poll", "with": {"k": "{payload.x}"}},
            {"uses": "b", "baggage": {"v": "payload.x"}},
            *calls,
        ]
    )
    step = st.recursive(
        st.builds(lambda one, extra: {**one, **extra}, leaf, condition),
        lambda inner: st.builds(
            lambda key, steps, extra: {key: steps, **extra},
            st.sampled_from(["steps", "split"]),
            st.lists(inner, min_size=1, max_size=4),
            condition,
        ),
        max_leaves=12,
    )
    return st.lists(step, min_size=1, max_size=4)


@given(steps_strategy([]), steps_strategy([{"call": "inner"}]))
def test_any_tree_of_steps_gives_a_graph_without_cycles_in_which_every_node_is_reached(inner: Any, outer: Any) -> None:
    graphs, problems = compile_raw(pipeline("p", *outer), pipeline("inner", *inner))
    assert problems == ()
    found = graphs["p"]
    position = {name: index for index, name in enumerate(found.nodes)}
    for name, node in found.nodes.items():
        assert node.id == name
        assert all(position[far] > position[name] for far in (*node.next, *node.bypass))
    reached, waiting = set(), list(found.entry)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [*found.nodes[name].next, *found.nodes[name].bypass]
    assert reached == set(found.nodes)


@given(steps_strategy([]))
def test_a_pinned_graph_reads_back_as_it_was(steps: Any) -> None:
    found = graph(*steps, max_depth=2, execution_mode="synchronous", timeout="5s", **{"if": HOLDS})
    pinned = replace(found, on=None, condition=None)
    assert load_graph(found.document) == pinned
    assert orjson.loads(found.document)["name"] == "p"


def test_a_pinned_graph_of_another_version_is_refused() -> None:
    members = orjson.loads(graph({"uses": "echo"}).document)
    assert members["v"] == 1
    for version in (2, None):
        with pytest.raises(UnknownDefinitionVersion, match="version"):
            load_graph(orjson.dumps({**members, "v": version}))
