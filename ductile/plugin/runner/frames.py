"""What a plugin says on its way, found in its stdout while it still writes."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ductile.model.json_reader import read_json
from ductile.plugin.runner.output_budget import OutputBudget

FRAME_MEMBERS = frozenset({"progress", "log"})
"""The only member of a frame."""

MAX_FRAME_BYTES = 65_536
"""Bytes of a line that is still looked at; a longer one counts when the plugin has ended."""

FrameListener = Callable[[Mapping[str, Any]], None]
"""Is told each frame as it comes: `{"progress": …}` or `{"log": …}`."""


class Frames:
    """Takes stdout piece by piece, and tells of each line that is a frame."""

    def __init__(self, heard: FrameListener | None, budget: OutputBudget) -> None:
        self._on_readable = heard
        self._budget = budget
        self._line = bytearray()
        self._skipping = False

    def take(self, chunk: bytes) -> int:
        """Takes what was read next; how many lines of it had to be looked at."""
        if b"{" not in chunk and not self._line:
            end = chunk.rfind(b"\n")
            self._skipping = self._skipping if end < 0 else False
            self._begin(chunk[end + 1 :])
            return 0
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._look(bytes(self._line + line) if self._line else line)
            self._line.clear()
        self._begin(rest)
        return len(lines)

    def _begin(self, rest: bytes) -> None:
        """Keeps what has come of a line that goes on."""
        if self._skipping:
            return
        self._line += rest
        if len(self._line) > MAX_FRAME_BYTES:
            self._line.clear()
            self._skipping = True

    def _look(self, line: bytes) -> None:
        if len(line) > MAX_FRAME_BYTES or not line.lstrip().startswith(b"{"):
            return
        try:
            value = read_json(line)
        except orjson.JSONDecodeError:
            return
        if isinstance(value, dict) and len(value) == 1 and not FRAME_MEMBERS.isdisjoint(value):
            self._budget.add_frame(len(line), log="log" in value)
            if self._on_readable is not None and self._budget.fault is None:
                self._on_readable(value)
