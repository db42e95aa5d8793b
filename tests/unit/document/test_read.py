import gc
import os
import weakref
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.document.read import Document, read_document, read_text
from ductile.document.yaml_builder import MAX_DEPTH


def read(text: str) -> Document:
    return read_text(text, file="x.yaml")


def only(document: Document) -> str:
    (problem,) = document.problems
    return str(problem)


def test_every_value_has_a_mark_of_its_own_and_one_of_its_key() -> None:
    document = read("plugins:\n  echo:\n    schedules:\n      - every: 5m\n        id: x\n")
    path = ("plugins", "echo", "schedules", 0, "every")
    assert document.value == {"plugins": {"echo": {"schedules": [{"every": "5m", "id": "x"}]}}}
    assert str(document.marks.of(path)) == "x.yaml:4:16"
    assert str(document.marks.key(path)) == "x.yaml:4:9"
    assert str(document.marks.key(("plugins", "echo"))) == "x.yaml:2:3"
    assert str(document.marks.of(("plugins", "echo", "schedules", 0))) == "x.yaml:4:9"


@pytest.mark.parametrize("path", [("a", "b", "c"), ("a", "x"), ("a", 3), ("a", "b", 0)])
def test_a_path_that_was_not_written_has_the_mark_of_its_nearest_parent(path: tuple[str | int, ...]) -> None:
    document = read("z: 1\na:\n  b: 2\n")
    assert document.marks.key(path).line in (2, 3)
    assert not document.marks.knows(path)
    assert document.marks.knows(("a", "b"))


def test_columns_count_characters() -> None:
    assert str(read('"größe": 1\n').marks.of(("größe",))) == "x.yaml:1:10"


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n", "---\n", "~\n", "---\n...\n"])
def test_an_empty_file_is_an_empty_map(text: str) -> None:
    document = read(text)
    assert document.value == {}
    assert document.problems == ()


def test_top_level_extension_keys_are_left_out_and_inner_ones_stay() -> None:
    document = read("x-common: &c {a: 1}\nb: *c\nc: {x-y: 2}\n")
    assert document.value == {"b": {"a": 1}, "c": {"x-y": 2}}
    assert document.problems == ()


def test_a_key_that_stands_twice_is_a_problem_at_the_second() -> None:
    document = read("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert only(document) == "x.yaml:4:3: error[duplicate_key]: `b` stands twice; the first is at line 2"
    assert document.problems[0].path == ("a", "b")


def test_a_number_as_a_key_is_taken_as_its_text() -> None:
    assert read("1: a\ntrue: b\n").value == {"1": "a", "true": "b"}


def test_a_key_that_is_a_map_is_a_problem_that_speaks_of_quotes() -> None:
    assert "put quotes" in only(read("a: {{ template }}\n"))


def test_a_second_document_is_a_problem() -> None:
    assert only(read("a: 1\n---\nb: 2\n")).startswith("x.yaml:2:1: error[yaml]: a second document")


def test_an_alias_is_the_anchored_value_and_has_the_mark_of_its_use() -> None:
    document = read("a: &v\n  k: 1\nb: *v\n")
    assert document.value == {"a": {"k": 1}, "b": {"k": 1}}
    assert document.marks.of(("b",)).line == 3
    assert document.marks.of(("b", "k")).line == 2


def test_a_later_anchor_of_the_same_name_counts_from_there() -> None:
    assert read("a: &v 1\nb: *v\nc: &v 2\nd: *v\n").value == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_merge_keys_add_what_is_not_there_and_earlier_maps_win() -> None:
    document = read("x-a: &a {p: 1, q: 1}\nx-b: &b {q: 2, r: 2}\nm:\n  <<: [*a, *b]\n  p: 3\nn: {<<: *b}\n")
    assert document.value == {"m": {"p": 3, "q": 1, "r": 2}, "n": {"q": 2, "r": 2}}
    assert document.marks.of(("m", "r")).line == 2


def test_a_quoted_merge_key_is_text() -> None:
    assert read("'<<': 1\n").value == {"<<": 1}


def test_a_merge_key_takes_only_maps() -> None:
    assert "`<<` takes a map" in only(read("a:\n  <<: 5\n"))


def test_known_tags_are_obeyed_and_others_are_problems() -> None:
    assert read("a: !!str 5\nb: !!int '5'\nc: !!float 5\nd: !!null ''\n").value == {"a": "5", "b": 5, "c": 5, "d": None}
    assert "`x` is no int" in only(read("a: !!int x\n"))
    assert "`true` is no int" in only(read("a: !!int true\n"))
    assert "the tag `!secret` means nothing" in only(read("a: !secret b\n"))
    assert "the tag `!!set` means nothing" in only(read("a: !!set {b}\n"))


def test_aliases_cannot_stand_for_billions_of_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 15)]
    assert "more than 1,000,000 values" in only(read("\n".join(lines)))


def test_an_anchor_cannot_contain_itself() -> None:
    assert "contains itself" in only(read("a: &a [*a]\n"))
    assert "contains itself" in only(read("a: &a {<<: *a}\n"))


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "? " * 100_000, "{a: " * 100_000])
def test_deep_nesting_is_refused_before_it_can_do_harm(text: str) -> None:
    assert f"nested deeper than {MAX_DEPTH} levels" in only(read(text))


def test_aliases_do_not_get_round_the_limit_of_nesting() -> None:
    nest = "[" * 60 + "{}" + "]" * 60
    assert "nested deeper" in only(read(f"a: &a {nest}\nb: {'[' * 60}*a{']' * 60}\n"))
    assert read(f"a: &a {nest}\nb: {'[' * 30}*a{']' * 30}\n").problems == ()


def test_an_alias_without_an_anchor_speaks_of_quotes() -> None:
    assert only(read("a: *nothing\n")).startswith("x.yaml:1:4: error[yaml]: no anchor `&nothing`")


@given(st.one_of(st.text(), st.text(alphabet="ab1:-[]{}'\"#&*!|>%@~<$?,. \n\t\r\\")))
def test_no_text_makes_reading_fail(text: str) -> None:
    document = read(text)
    assert document.problems or document.value is not None


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    document = read_document(tmp_path / "no.yaml", name="no.yaml")
    assert only(document) == "no.yaml:1:1: error[missing_file]: there is no such file"
    assert document.value == {}


def test_a_folder_and_a_pipe_are_problems_and_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "this is a folder" in only(read_document(tmp_path))
    assert "this is no regular file" in only(read_document(tmp_path / "pipe"))


def test_a_name_that_no_file_can_have_is_a_problem() -> None:
    assert "unreadable_file" in only(read_document(Path("a\0b")))


def test_bytes_that_are_not_utf_8_are_a_problem_at_their_place(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes("ä: 1\nb: gr\xf6\xdfe\n".encode("latin-1").replace(b"\xe4", "ä".encode()))
    assert only(read_document(tmp_path / "x.yaml", name="x.yaml")).startswith("x.yaml:2:6: error[yaml]: the byte 0xf6")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(tmp_path / "x.yaml").value == {"a": 1}


def test_windows_line_ends_are_line_ends() -> None:
    assert read("a: 1\r\nb: x\r\n").value == {"a": 1, "b": "x"}


def test_a_file_is_parsed_once_and_again_when_its_text_changed(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\n")
    first = read_document(path)
    assert read_document(path) is first
    path.write_text("a: 2\n")
    assert read_document(path).value == {"a": 2}


def test_of_a_file_only_the_last_text_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\n")
    first = weakref.ref(read_document(path))
    gc.collect()
    assert first() is not None
    path.write_text("a: 2\n")
    read_document(path)
    gc.collect()
    assert first() is None
