"""Tables as a terminal shows them: wide characters, narrow terminals."""

import pytest
from rich.cells import cell_len

from ductile.cli.core.table import fold_text, format_table, narrow_widths

JOB = "01a2020b-77a2-70d2-973d-07a7fb6a3233"


def test_wide_characters_take_two_columns() -> None:
    lines = list(format_table(["NAME", "STATE"], [["漢字かな", "ok"], ["e\u0301", "🚀"]], width=80, bold=False))
    assert lines == ["NAME      STATE", "漢字かな  ok", "e\u0301         🚀"]


@pytest.mark.parametrize("width", [3, 5, 10, 40])
@pytest.mark.parametrize("text", ["漢字" * 30, "a b " * 30, "word " * 5 + "x" * 60, "🚀" * 9 + " end", "é" * 50])
def test_folded_text_is_within_its_columns_and_whole(text: str, width: int) -> None:
    lines = fold_text(text, width)
    assert max(map(cell_len, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_words_are_kept_whole_where_there_is_room() -> None:
    assert fold_text("the gateway is gone", 11) == ["the gateway", "is gone"]
    assert fold_text("x " + "y" * 12, 5) == ["x", "yyyyy", "yyyyy", "yy"]
    assert fold_text("ends with spaces     ", 8) == ["ends", "with", "spaces"]


@pytest.mark.parametrize(
    ("widths", "room", "narrow"),
    [
        ([4, 5], 9, [4, 5]),
        ([36, 40, 6], 80, [36, 38, 6]),
        ([40, 40, 4], 44, [20, 20, 4]),
        ([30, 20, 10], 15, [5, 5, 5]),
        ([30, 30], 2, [2, 2]),
    ],
)
def test_the_widest_columns_become_narrower_first(widths: list[int], room: int, narrow: list[int]) -> None:
    least = [36 if wide == 36 else 2 for wide in widths]
    assert narrow_widths(widths, room, least) == narrow


def test_a_list_of_jobs_fits_40_columns_but_for_its_ids() -> None:
    headings = ["JOB", "PLUGIN", "STATUS", "WAITS FOR"]
    rows = [
        [JOB, "py-greet", "queued", "the plugin's limit of 4 attempts at once"],
        [JOB, "多多多多多多", "failed", ""],
    ]
    lines = list(format_table(headings, rows, width=40, bold=False))
    assert all(JOB in line for line in (lines[1], next(line for line in lines if "多多多" in line)))
    assert max(map(cell_len, lines)) <= 36 + 2 + 8 + 2 + 12 + 2 + 24 + 2


def test_headings_are_bold_where_that_is_wanted_and_folded_as_the_rest() -> None:
    assert next(format_table(["A", "B"], [["1", "2"]], width=40, bold=True)) == "\x1b[1mA  B\x1b[0m"


def test_headings_stay_whole_where_there_is_room() -> None:
    lines = list(
        format_table(["STATE", "COMMANDS", "DESCRIPTION"], [["ready", "a, b, c", "word " * 30]], width=40, bold=False)
    )
    assert lines[0] == "STATE  COMMANDS  DESCRIPTION"
    assert max(map(len, lines)) <= 40
