"""The pipeline language: every mistake is one sentence at its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.flow.parse import MAX_NESTING, parse_pipelines

STEP = {"uses": "echo"}


def pipeline(**changes: Any) -> Any:
    return {
        "name": "p",
        "on": "x",
        "steps": [STEP],
        **{key.replace("_hook", "-hook"): value for key, value in changes.items()},
    }


def test_asynchronous_is_another_word_for_async() -> None:
    (model,), problems = parse_pipelines([pipeline(execution_mode="asynchronous")])
    assert problems == ()
    assert model.execution_mode == "asynchronous"


def test_a_pipeline_with_everything_is_read() -> None:
    raw = pipeline(
        from_plugin="echo",
        max_depth=3,
        execution_mode="synchronous",
        timeout="1m30s",
        steps=[
            {"id": "a", "uses": "echo", "with": {"x": "{payload.y}"}, "baggage": {"k": "payload.v"}},
            {"call": "other", "if": {"path": "payload.x", "op": "exists"}},
            {"split": [STEP, {"steps": [STEP]}]},
        ],
    )
    raw["if"] = {"path": "context.x", "op": "eq", "value": 1}
    (model,), problems = parse_pipelines([raw])
    assert problems == ()
    assert model.timeout == 90_000
    assert model.path == ("pipelines", 0)
    assert model.valid
    assert [path[2:] for _, path in model.walk_steps()] == [
        ("steps", 0),
        ("steps", 1),
        ("steps", 2),
        ("steps", 2, "split", 0),
        ("steps", 2, "split", 1),
        ("steps", 2, "split", 1, "steps", 0),
    ]


@pytest.mark.parametrize(
    ("changes", "code", "path", "words"),
    [
        (
            {"exekution_mode": "async"},
            "unknown_key",
            ("exekution_mode",),
            "is no key of a pipeline; did you mean `execution_mode`?",
        ),
        (
            {"execution_mode": "asynch"},
            "bad_value",
            ("execution_mode",),
            "must be `async`, `asynchronous` or `synchronous`, not `asynch`",
        ),
        ({"name": 5}, "bad_value", ("name",), "must be text, not a number; put it in quotes"),
        ({"name": ""}, "bad_value", ("name",), "no name"),
        ({"name": "a/b"}, "bad_value", ("name",), "no name"),
        ({"on": None}, "missing", ("on",), "has no value"),
        ({"on": ""}, "bad_value", ("on",), "not empty"),
        ({"on": "ductile.step.succeeded"}, "bad_value", ("on",), "starts nothing"),
        ({"on_hook": "job.failed"}, "bad_value", ("on-hook",), "not both"),
        ({"max_depth": -1}, "bad_value", ("max_depth",), "0 or more"),
        ({"max_depth": True}, "bad_value", ("max_depth",), "whole number"),
        ({"max_depth": "3"}, "bad_value", ("max_depth",), "whole number, not text"),
        ({"timeout": "soon"}, "bad_value", ("timeout",), "no duration"),
        ({"timeout": 30}, "bad_value", ("timeout",), "no unit"),
        ({"steps": []}, "bad_value", ("steps",), "at least one step"),
        ({"steps": None}, "bad_value", ("steps",), "must be a list, not null"),
        ({"steps": STEP}, "bad_value", ("steps",), "must be a list, not a mapping"),
        ({"steps": ["echo"]}, "bad_value", ("steps", 0), "a step must be a mapping, not text"),
        ({"if": {"path": "config.x", "op": "exists"}}, "bad_value", ("if", "path"), "must begin with"),
        ({"if": "payload.x"}, "bad_value", ("if",), "must be a mapping, not text"),
        ({"retry": 3}, "not_in_this_version", ("retry",), "not in this version"),
    ],
)
def test_a_mistake_in_a_pipeline_is_one_problem(changes: Any, code: Any, path: Any, words: Any) -> None:
    _, problems = parse_pipelines([pipeline(**changes)])
    assert [(problem.code, problem.path) for problem in problems] == [(code, ("pipelines", 0, *path))]
    assert words in problems[0].message


@pytest.mark.parametrize(
    ("step", "code", "path", "words"),
    [
        ({}, "missing", (), "needs one of"),
        ({"id": "a"}, "missing", (), "needs one of"),
        ({"use": "echo"}, "unknown_key", ("use",), "is no key of a step; did you mean `uses`?"),
        ({"uses": "a", "call": "b"}, "bad_value", (), "exactly one thing"),
        ({"uses": None}, "missing", ("uses",), "has no value"),
        ({"uses": ["a"]}, "bad_value", ("uses",), "must be text, not a list"),
        ({"uses": "a", "id": 3}, "bad_value", ("id",), "must be text, not a number"),
        ({"uses": "a", "id": "x/y"}, "bad_value", ("id",), "no name"),
        ({"relay": {"to": "lab"}}, "not_in_this_version", ("relay",), "not in this version"),
        ({"uses": "a", "for_each": "payload.x"}, "not_in_this_version", ("for_each",), "not in this version"),
        ({"call": "b", "with": {"a": 1}}, "bad_value", ("with",), "beside `uses` alone"),
        ({"split": [STEP], "baggage": {"a": "payload.x"}}, "bad_value", ("baggage",), "beside `uses` alone"),
        ({"uses": "a", "with": "x"}, "bad_value", ("with",), "must be a mapping, not text"),
        ({"uses": "a", "with": {"k": "{payload.x"}}, "bad_value", ("with", "k"), "no partner"),
        ({"uses": "a", "baggage": {"from": "payload.x"}}, "missing", ("baggage", "from"), "needs a `namespace`"),
        ({"uses": "a", "if": {"path": "payload.x", "op": "is"}}, "bad_value", ("if", "op"), "no operator"),
        ({"call": "b", "if": {"path": "config.x", "op": "exists"}}, "bad_value", ("if", "path"), "must begin with"),
        ({"steps": []}, "bad_value", ("steps",), "at least one step"),
        ({"split": {}}, "bad_value", ("split",), "must be a list, not a mapping"),
        (
            {"split": [{"steps": [{"cal": "b"}]}]},
            "unknown_key",
            ("split", 0, "steps", 0, "cal"),
            "did you mean `call`?",
        ),
    ],
)
def test_a_mistake_in_a_step_is_one_problem(step: Any, code: Any, path: Any, words: Any) -> None:
    _, problems = parse_pipelines([pipeline(steps=[STEP, step])])
    assert [(problem.code, problem.path) for problem in problems] == [(code, ("pipelines", 0, "steps", 1, *path))]
    assert words in problems[0].message


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"on": "x", "steps": [STEP]}, "needs `name`"),
        ({"name": "p", "from_plugin": "echo", "steps": [STEP]}, "`from_plugin` chooses among the events"),
        ({"name": "p", "if": {"path": "payload.x", "op": "exists"}, "steps": [STEP]}, "`if` chooses among the events"),
        ({"name": "p", "on": "x"}, "needs `steps`"),
        ({"nam": "p", "on": "x", "steps": [STEP]}, "did you mean `name`"),
        ({"name": "p", "on_hook": "job.failed", "steps": [STEP]}, "did you mean `on-hook`"),
        ({"name": "p", "on-hook": "job.fail", "steps": [STEP]}, "did you mean `job.failed`"),
        ("p", "must be a mapping"),
        (None, "must be a mapping, not null"),
    ],
)
def test_what_a_pipeline_lacks_is_one_problem(raw: Any, words: Any) -> None:
    _, problems = parse_pipelines([raw])
    assert len(problems) == 1
    assert words in problems[0].message


def test_a_config_condition_beside_uses_is_fine() -> None:
    step = {"uses": "a", "if": {"path": "config.limit", "op": "gt", "value": 3}}
    assert parse_pipelines([pipeline(steps=[step])])[1] == ()


def test_every_mistake_is_reported_at_once() -> None:
    raw = {
        "name": "p",
        "on": "x",
        "on-hook": "job.nope",
        "timeout": "soon",
        "steps": [{"use": "a"}, {"uses": 1, "call": "b", "with": {"k": "{"}}, {"split": [{"steps": []}, {}]}],
    }
    _, problems = parse_pipelines([raw, "no", pipeline(max_depth=-1)])
    assert {problem.path[1:] for problem in problems} == {
        (0, "on-hook"),
        (0, "timeout"),
        (0, "steps", 0, "use"),
        (0, "steps", 1),
        (0, "steps", 1, "uses"),
        (0, "steps", 1, "with", "k"),
        (0, "steps", 2, "split", 0, "steps"),
        (0, "steps", 2, "split", 1),
        (1,),
        (2, "max_depth"),
    }
    assert len(problems) == len(set(problems)) == 11


def test_a_broken_pipeline_stays_as_a_name_and_sound_ones_stay_whole() -> None:
    models, _ = parse_pipelines([pipeline(name="broken", steps=[]), pipeline(name="sound"), {"on": "x"}])
    assert [(model.name, model.valid) for model in models] == [("broken", False), ("sound", True)]


def test_steps_nest_only_so_deep() -> None:
    def nested(levels: Any) -> Any:
        step = STEP
        for _ in range(levels):
            step = {"steps": [step]}
        return [step]

    assert parse_pipelines([pipeline(steps=nested(MAX_NESTING - 1))])[1] == ()
    (problem,) = parse_pipelines([pipeline(steps=nested(5000))])[1]
    assert "levels deep" in problem.message


KEYS = st.sampled_from(
    [
        "name",
        "on",
        "on-hook",
        "if",
        "with",
        "baggage",
        "uses",
        "call",
        "steps",
        "split",
        "relay",
        "id",
        "timeout",
        "max_depth",
        "all",
        "any",
        "not",
        "path",
        "op",
        "value",
        "x",
        3,
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "payload.x", "{", "eq", "30s", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(
    st.lists(
        ANYTHING | st.fixed_dictionaries({"name": st.just("p"), "steps": st.lists(ANYTHING, max_size=3)}), max_size=3
    )
)
def test_whatever_stands_there_gives_problems_and_never_an_exception(raw: list[Any]) -> None:
    models, problems = parse_pipelines(raw)
    assert len([model for model in models if model.valid]) + len({problem.path[1] for problem in problems}) == len(raw)
    assert all(problem.path[0] == "pipelines" and problem.message for problem in problems)
