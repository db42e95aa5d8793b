"""A value as text in each format."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ductile.cli.core import render
from ductile.cli.core.table import format_table
from ductile.document.read import read_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "yes",
        "on",
        "1_000",
        "0o17",
        "010",
        "1e3",
        "2026-01-01",
        "12:30:00",
        "~",
        "null",
        "=",
        "<<",
        "- a",
        "a: b",
        "#",
        "'",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
HOSTILE = "a\x1b[2Jb\x9b31mc\x07\r\u202ed\x7f"


@given(value=VALUES)
def test_yaml_is_read_back_as_the_same_value_by_old_and_new_readers(value: Any) -> None:
    text = render.to_yaml(value)
    assert yaml.safe_load(text) == value
    read = read_text(f"value:\n{indented(text)}\n", file="x")
    assert not read.problems
    assert read.value["value"] == value


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


@given(value=VALUES)
def test_json_is_read_back_as_the_same_value(value: Any) -> None:
    assert json.loads(render.to_json(value)) == value
    assert json.loads(render.to_json(value, indent=False)) == value
    assert "\n" not in render.to_json(value, indent=False)


@given(text=st.text())
def test_nothing_a_terminal_obeys_is_left_in_any_format(text: str) -> None:
    shown = [
        render.escape_controls(text),
        render.format_cell({text: [text]}),
        render.to_json({text: text}),
        render.to_yaml({text: [text]}),
        *render.format_fields({text: text, "b": {text: text}}),
        *render.format_list({text: text}),
        *format_table([render.escape_to_line("x")], [[render.format_cell(text)]], width=None, bold=False),
    ]
    for line in shown:
        assert not [
            c for c in line if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066"
        ]


def test_what_a_plugin_printed_is_shown_and_not_obeyed() -> None:
    assert render.escape_controls(HOSTILE) == "a\\x1b[2Jb\\x9b31mc\\x07\\r\\u202ed\\x7f"
    assert json.loads(render.to_json(HOSTILE)) == HOSTILE
    assert yaml.safe_load(render.to_yaml({"a": HOSTILE})) == {"a": HOSTILE}


def test_a_file_name_with_bytes_that_are_no_text_is_shown() -> None:
    assert json.loads(render.to_json({"path": Path("a\udcff"), "list": ["b\udcff"]})) == {
        "path": "a\\udcff",
        "list": ["b\\udcff"],
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (1.5, "1.5"),
        ("a\nb\tc", "a\\nb\\tc"),
        (["a", 1, None], "a, 1, "),
        ([], "[]"),
        ({"a": 1}, '{"a":1}'),
        ([{"a": 1}], '[{"a":1}]'),
    ],
)
def test_a_cell_is_one_line(value: Any, shown: str) -> None:
    assert render.format_cell(value) == shown


def test_fields_are_aligned_and_what_is_long_stands_below_its_name() -> None:
    shown = list(
        render.format_fields(
            {"id": "j", "none": None, "stderr": "one\ntwo\n", "result": {"a": [1]}, "rows": [{"b": 2}]}
        )
    )
    assert shown == [
        "id:     j",
        "stderr:",
        "  one",
        "  two",
        "result:",
        "  a:",
        "  - 1",
        "rows:",
        "  - b: 2",
    ]
    assert list(render.format_list({"id": "j", "none": None, "result": {"a": [1]}})) == ["id: j", 'result: {"a":[1]}']


def test_a_table_is_cut_to_a_terminal_and_to_nothing_else() -> None:
    wide = "x" * 300
    assert list(format_table(["A"], [[wide]], width=None, bold=False)) == ["A", wide]
    assert max(map(len, format_table(["A", "B"], [[wide, "y"]], width=40, bold=False))) <= 40
    assert "\x1b[1m" in next(iter(format_table(["A"], [["y"]], width=40, bold=True)))


def test_what_json_libraries_stumble_over_is_shown_too() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    assert render.to_json(deep).count("[") == 401
    assert json.loads(render.to_json({"n": 10**30})) == {"n": 10**30}
    assert render.to_yaml({"n": 10**30}) == "n: 1000000000000000000000000000000"


def test_sentences_stand_below_their_name_each_on_its_line_and_words_beside_it() -> None:
    shown = list(
        render.format_fields({"status": "ok", "changes": ["a.b", "c"], "warnings": ["a: is so", "b is\nso"], "no": []})
    )
    assert shown == ["status:   ok", "changes:  a.b, c", "warnings:", "  a: is so", "  b is\\nso", "no:       []"]


@pytest.mark.parametrize("width", [20, 60, 80, 100])
def test_a_table_shows_ids_whole_and_folds_text_without_losing_any(width: int) -> None:
    job, text = "01a2020b-77a2-70d2-973d-07a7fb6a3233", " ".join(f"word{n}" for n in range(40))
    lines = list(format_table(["JOB", "STATUS", "ERROR"], [[job, "failed", text]], width=width, bold=False))
    assert lines[1].startswith(f"{job}  failed  word0")
    assert " ".join(line[len(job) + 10 :].strip() for line in lines[1:]) == text
    assert max(map(len, lines)) <= max(width, len(job) + 10 + 24 + 2)


def test_a_table_without_rows_shows_its_headings() -> None:
    assert list(format_table(["A", "B"], [], width=80, bold=False)) == ["A  B"]
