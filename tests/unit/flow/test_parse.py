"""What is written as it was is not made again, and everything else is."""

from typing import Any

import pytest

from ductile.flow.compile import compile_pipelines
from ductile.flow.parse import parse_pipelines
from ductile.model.graph import Graph

COMMANDS = {"echo": ("handle", "poll")}


def raw_pipeline(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "on": "asked", "steps": [{"id": "only", "uses": "echo"}], **more}


def compile_raw(*raw: dict[str, Any], emits: Any = None) -> dict[str, Graph]:
    models, problems = parse_pipelines(raw)
    graphs, wrong = compile_pipelines(models, COMMANDS, emits=emits)
    assert not [one for one in (*problems, *wrong) if one.severity == "error"]
    return graphs


def test_of_many_pipelines_only_the_changed_one_is_read_and_compiled_again() -> None:
    raw = [raw_pipeline(f"unchanged-{n}") for n in range(40)]
    before, steps = (
        compile_raw(*raw, raw_pipeline("edited", max_depth=1)),
        [model.steps for model in parse_pipelines(raw)[0]],
    )

    after = compile_raw(raw_pipeline("edited", max_depth=2), *raw)

    assert all(model.steps is known for model, known in zip(parse_pipelines(raw)[0], steps, strict=True))
    assert [name for name in before if after[name] is not before[name]] == ["edited"]
    assert (before["edited"].max_depth, after["edited"].max_depth) == (1, 2)


def test_a_pipeline_that_has_moved_tells_its_mistakes_where_it_stands_now() -> None:
    wrong = raw_pipeline("wrong", steps=[{"uses": "nobody"}, {"id": "a/b", "uses": "echo"}])
    twice = {"id": "x", "uses": "echo"}
    first, second = raw_pipeline("first"), raw_pipeline("second", steps=[twice, twice])

    for list_ in ([wrong, first, second], [first, second, wrong]):
        models, problems = parse_pipelines(list_)
        _, more = compile_pipelines(models, COMMANDS)
        assert [one.path for one in problems] == [("pipelines", list_.index(wrong), "steps", 1, "id")]
        assert [one.path for one in more] == [("pipelines", list_.index(second), "steps", 1, "id")]


def test_a_caller_follows_what_it_calls_though_nobody_has_touched_it() -> None:
    caller = raw_pipeline("caller", steps=[{"id": "over", "call": "callee"}])

    before = compile_raw(caller, raw_pipeline("callee"))
    after = compile_raw(caller, raw_pipeline("callee", steps=[{"id": "other", "uses": "echo.poll"}]))

    assert list(before["caller"].nodes) == ["over/only"]
    assert list(after["caller"].nodes) == ["over/other"]
    assert before["caller"].hash != after["caller"].hash


def test_a_warning_follows_what_a_manifest_says_though_the_pipeline_is_the_same() -> None:
    raw = [raw_pipeline("warned", steps=[{"uses": "echo"}, {"uses": "echo", "with": {"x": "{payload.title}"}}])]
    models, _ = parse_pipelines(raw)

    for name, warned in (("body", True), ("title", False), ("body", True)):
        _, problems = compile_pipelines(models, COMMANDS, emits={("echo", "handle"): [name]})
        assert [one.path for one in problems] == [("pipelines", 0, "steps", 1, "with")] * warned


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0, False), (float("nan"), None), ("1", 1), ({"a": 1, "b": 2}, {"b": 2})]
)
def test_values_that_are_alike_are_told_apart(one: Any, other: Any) -> None:
    def read(value: Any) -> Any:
        models, problems = parse_pipelines([raw_pipeline("alike", steps=[{"uses": "echo", "with": {"x": value}}])])
        return repr(models[0].steps), [problem.message for problem in problems]

    assert read(one) != read(other)
