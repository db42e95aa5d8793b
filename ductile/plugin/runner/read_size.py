"""How much of a pipe is read in one turn of the loop."""

MIN_BYTES = 1_024

FIRST_BYTES = 8_192
"""The first read: all that most plugins write, and little work even where it is nothing but short lines."""

LINES_PER_READ = 128
"""Lines that one turn of the loop should look at, a millisecond of work at the most."""


class ReadSize:
    """Bytes to read next: fewer where the last read held many lines, so that no flood takes a turn of the loop long."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.bytes = min(FIRST_BYTES, largest)

    def follow(self, chunk: bytes, lines: int) -> None:
        """Takes what was read, and how many lines of it had to be looked at."""
        if lines > LINES_PER_READ:
            self.bytes = max(MIN_BYTES, len(chunk) * LINES_PER_READ // lines)
        elif self.bytes < self._largest and len(chunk) >= self.bytes:
            self.bytes = min(self._largest, 2 * self.bytes)
