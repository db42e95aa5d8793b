"""Slices: what one turn of the loop reads, and what an attempt and a worker may print."""

from typing import Any

import pytest

from ductile.model.output import DEFAULT_OUTPUT, OutputRules
from ductile.plugin.runner.frames import Frames
from ductile.plugin.runner.idle_output import LINES_PER_WINDOW, IdleOutput
from ductile.plugin.runner.line_buffer import LineBuffer
from ductile.plugin.runner.output_budget import OutputBudget
from ductile.plugin.runner.read_size import LINES_PER_READ, ReadSize


@pytest.mark.parametrize("line", [b'{"log":"x"}\n', b"{}\n", b"\n", b'{"progress":1}\n'])
def test_a_flood_of_short_lines_is_read_in_small_slices(line: bytes) -> None:
    flood, size, at, most = line * 200_000, ReadSize(65_536), 0, 0
    for turn in range(200):
        chunk = flood[at : at + size.bytes]
        at += len(chunk)
        lines = chunk.count(b"\n")
        if turn:  # the first read cannot know
            most = max(most, lines)
        size.follow(chunk, lines)
    assert most <= max(2 * LINES_PER_READ, 1_024)


def test_a_large_text_is_soon_read_in_large_pieces() -> None:
    size = ReadSize(65_536)
    reads = 0
    left = 10 * 1024 * 1024
    while left > 0:
        left -= size.bytes
        size.follow(b"x" * size.bytes, 0)
        reads += 1
    assert reads < 170


def test_lines_without_an_object_are_not_looked_at() -> None:
    frames = Frames(None, OutputBudget(DEFAULT_OUTPUT))
    assert frames.take(b"y\n" * 10_000) == 0
    assert frames.take(b"\n" * 10_000) == 0


@pytest.mark.parametrize(
    ("rules", "frame", "setting"),
    [
        (OutputRules(max_log_entries=3), {"log": "x"}, "max_log_entries"),
        (OutputRules(max_log_bytes=30), {"log": "x"}, "max_log_bytes"),
        (OutputRules(max_lines=3), {"progress": 1}, "max_lines"),
    ],
)
def test_a_budget_names_the_setting_that_is_used_up(rules: OutputRules, frame: dict[str, Any], setting: str) -> None:
    budget = OutputBudget(rules)
    for _ in range(3):
        budget.add_frame(10, log="log" in frame)
    assert budget.fault is None
    budget.add_frame(10, log="log" in frame)
    assert f"(`service.output.{setting}`)" in str(budget.fault)


def test_an_idle_worker_is_logged_at_a_bounded_rate_and_stopped_at_its_budget() -> None:
    now = [0.0]
    idle = IdleOutput("babbler", 1, 1_000, lambda: now[0])
    for _ in range(100):
        idle.add_bytes(5)
        idle.log(b"words")
    assert idle.fault is None
    assert (idle._logged, idle._dropped) == (LINES_PER_WINDOW, 100 - LINES_PER_WINDOW)  # noqa: SLF001 - what is bounded
    now[0] = 11.0
    idle.log(b"again")
    assert idle._dropped == 0  # noqa: SLF001 - told
    idle.add_bytes(501)
    assert "max_idle_bytes" in str(idle.fault)


def test_lines_come_whole_however_they_are_cut() -> None:
    buffer = LineBuffer()
    text = b"one\n\ntwo and more\nrest"
    lines = [line for at in range(len(text)) for line in buffer.take(text[at : at + 1])]
    assert (lines, len(buffer), buffer.release()) == ([b"one", b"", b"two and more"], 4, b"rest")
    assert len(buffer) == 0
