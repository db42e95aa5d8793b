"""What a line of a worker's stdout is taken for."""

from typing import Any

import pytest

from ductile.plugin.runner.message import LARGE_BYTES, Answer, Broken, Frame, Object, Text, read_message

DENSE = b"[" + b"1," * 60_000 + b"1]"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"Starting up", Text()),
        (b"n", Text()),
        (b"[1, 2]", Text()),
        (b'"text"', Text()),
        (b"{ready}", Text()),
        (b"[INFO] {}", Text()),
        (DENSE, Text()),
        (b' {"id":"a/1","log":"x"}', Frame("a/1", {"log": "x"})),
        (b'{"id":"a/1","status":"ok"}', Answer("a/1", {"id": "a/1", "status": "ok"})),
        (b'{"ready":true}', Object({"ready": True})),
        (b'{"id":"a/1","status":"ok"', Broken("a/1")),
        (b"{'status': 'ok'}", Broken(None)),
        (b'{"id":"a/1","status":"ok","result":' + DENSE + b"}", Answer("a/1")),
        (b'{"status":"ok","result":' + DENSE + b',"id":"a/1"}', Answer("a/1")),
        (b'{"status":"ok","result":' + DENSE + b"}", Broken(None)),
        (b'{"id":"a/1","log":' + DENSE + b"}", Broken("a/1")),
        (b'{"id":' + DENSE + b',"status":"ok"}', Answer(None)),
    ],
)
def test_a_line_is_taken_for_what_it_says(line: bytes, message: Any) -> None:
    assert len(DENSE) > LARGE_BYTES
    assert read_message(line, 50_000) == message
