"""Frames in stdout that is still being written."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ductile.model.output import DEFAULT_OUTPUT
from ductile.plugin.runner.frames import MAX_FRAME_BYTES, Frames
from ductile.plugin.runner.output_budget import OutputBudget

OUTPUT = b"""{"log": "one"}
not JSON
{"progress": {"done": 1}}
{"log": 1, "more": 2}
  {"log": {"level": "warning", "message": "two"}}
[1]
{"status": "ok", "result": 1}
{"log": "unfinished"}"""
EXPECTED: list[Any] = [
    {"log": "one"},
    {"progress": {"done": 1}},
    {"log": {"level": "warning", "message": "two"}},
]


@given(st.lists(st.integers(0, len(OUTPUT))))
def test_frames_are_found_however_the_output_is_cut(cuts: list[int]) -> None:
    heard: list[Any] = []
    frames = Frames(heard.append, OutputBudget(DEFAULT_OUTPUT))
    at = 0
    for cut in [*sorted(cuts), len(OUTPUT)]:
        frames.take(OUTPUT[at:cut])
        at = cut
    assert heard == EXPECTED


def test_a_line_without_end_costs_bounded_memory_and_hides_none_after_it() -> None:
    heard: list[Any] = []
    frames = Frames(heard.append, OutputBudget(DEFAULT_OUTPUT))
    for _ in range(100):
        frames.take(b"x" * MAX_FRAME_BYTES)
        assert len(frames._line) <= MAX_FRAME_BYTES  # noqa: SLF001 - what is bounded
    frames.take(b'\n{"log": 1}\n')
    assert heard == [{"log": 1}]
