"""What a line of a worker's stdout is taken for."""

from typing import Any

import pytest

from ductile.plugin.runner.worker_message import (
    LARGE_BYTES,
    AnswerLine,
    BrokenLine,
    FrameLine,
    ObjectLine,
    TextLine,
    read_message,
)

DENSE = b"[" + b"1," * 60_000 + b"1]"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"Starting up", TextLine()),
        (b"n", TextLine()),
        (b"[1, 2]", TextLine()),
        (b'"text"', TextLine()),
        (b"{ready}", TextLine()),
        (b"[INFO] {}", TextLine()),
        (DENSE, TextLine()),
        (b' {"id":"a/1","log":"x"}', FrameLine("a/1", {"log": "x"})),
        (b'{"id":"a/1","status":"ok"}', AnswerLine("a/1", {"id": "a/1", "status": "ok"})),
        (b'{"ready":true}', ObjectLine({"ready": True})),
        (b'{"id":"a/1","status":"ok"', BrokenLine("a/1")),
        (b"{'status': 'ok'}", BrokenLine(None)),
        (b'{"id":"a/1","status":"ok","result":' + DENSE + b"}", AnswerLine("a/1")),
        (b'{"status":"ok","result":' + DENSE + b',"id":"a/1"}', AnswerLine("a/1")),
        (b'{"status":"ok","result":' + DENSE + b"}", BrokenLine(None)),
        (b'{"id":"a/1","log":' + DENSE + b"}", BrokenLine("a/1")),
        (b'{"id":' + DENSE + b',"status":"ok"}', AnswerLine(None)),
    ],
)
def test_a_line_is_taken_for_what_it_says(line: bytes, message: Any) -> None:
    assert len(DENSE) > LARGE_BYTES
    assert read_message(line, 50_000) == message
