from typing import Any

import pytest

from ductile.config.old_spellings import TABLE, modernize
from ductile.document.read import read_text


def modern(text: str) -> tuple[Any, list[str]]:
    document = read_text(text, file="a.yaml")
    value, _, problems = modernize(document.value, document.marks)
    return value, [str(problem.mark) for problem in problems]


def test_the_log_level_moves_into_its_section() -> None:
    assert modern("log_level: debug\nservice: {name: a}") == (
        {"service": {"name": "a", "log_level": "debug"}},
        ["a.yaml:1:1"],
    )


def test_database_is_as_good_as_state() -> None:
    assert modern("database: {path: a}") == ({"state": {"path": "a"}}, [])
    assert modern("database: {path: a}\nstate: {path: b}") == ({"state": {"path": "b"}}, [])


def test_variables_that_pass_through_are_inherited() -> None:
    assert modern("service: {plugin_env_passthrough: [A]}")[0] == {"service": {"inherit_env": ["A"]}}


def test_one_schedule_becomes_a_list_of_one_and_keeps_its_places() -> None:
    document = read_text("plugins:\n  a:\n    schedule:\n      every: 5m\n", file="a.yaml")
    value, marks, _ = modernize(document.value, document.marks)
    assert value == {"plugins": {"a": {"schedules": [{"every": "5m"}]}}}
    assert str(marks.of(("plugins", "a", "schedules", 0, "every"))) == "a.yaml:4:14"


def test_an_unsafe_plugin_runs_one_job_at_a_time() -> None:
    assert modern("plugins: {a: {concurrency_safe: false}}")[0] == {"plugins": {"a": {"parallelism": 1}}}
    assert modern("plugins: {a: {concurrency_safe: true}}")[0] == {"plugins": {"a": {}}}


def test_the_payload_of_a_step_becomes_literals() -> None:
    step = "{uses: x, payload: {a: 'a {b}', c: [1, '}']}, with: {d: '{payload.d}'}}"
    value, marks = modern(f"pipelines: [{{steps: [{{split: [{step}]}}]}}]")
    [split] = value["pipelines"][0]["steps"]
    assert split["split"] == [{"uses": "x", "with": {"a": "a {{b}}", "c": [1, "}}"], "d": "{payload.d}"}}]
    assert marks == ["a.yaml:1:41"]


def test_what_is_written_in_todays_way_is_not_touched() -> None:
    text = "service: {log_level: info}\nplugins: {a: {schedules: [{every: 5m}]}}\nwebhooks: {listen: x}"
    document = read_text(text, file="a.yaml")
    value, marks, problems = modernize(document.value, document.marks)
    assert (value, problems) == (document.value, [])
    assert marks.root == document.marks.root


@pytest.mark.parametrize("text", ["plugins: [1]", "plugins: {a: 1}", "pipelines: {a: 1}", "service: x", "log_level:"])
def test_wrong_kinds_are_left_to_the_models(text: str) -> None:
    modern(text)


def test_reading_twice_gives_the_same_although_documents_are_shared() -> None:
    text = "plugins: {a: {path: /x, schedule: {every: 1s, preferred_window: 1}}}"
    assert modern(text) == modern(text)


def test_every_row_that_says_something_says_what_to_do_or_that_nothing_comes_of_it() -> None:
    said = [row.says for row in TABLE if row.says]
    assert all("write `" in says or "left out" in says for says in said)
