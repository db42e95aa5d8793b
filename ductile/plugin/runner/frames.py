"""What a plugin says on its way, found in its stdout while it still writes."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

FRAMES = frozenset({"progress", "log"})
"""The only member of a frame."""

LONGEST = 65_536
"""Bytes of a line that is still looked at; a longer one counts when the plugin has ended."""

Heard = Callable[[Mapping[str, Any]], None]
"""Is told each frame as it comes: `{"progress": …}` or `{"log": …}`."""


class Frames:
    """Takes stdout piece by piece, and tells of each line that is a frame."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._line = bytearray()
        self._skipping = False

    def take(self, chunk: bytes) -> None:
        """Takes what was read next."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._look(bytes(self._line + line))
            self._line.clear()
        self._line += rest
        if len(self._line) > LONGEST:
            self._line.clear()
            self._skipping = True

    def _look(self, line: bytes) -> None:
        if len(line) > LONGEST or not line.lstrip().startswith(b"{"):
            return
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if isinstance(value, dict) and len(value) == 1 and not FRAMES.isdisjoint(value):
            self._heard(value)
