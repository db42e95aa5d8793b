"""The lines of a stream that arrives in pieces."""


class LineBuffer:
    """Gives lines as they are complete, and holds the beginning of the one that is not."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def __len__(self) -> int:
        """Bytes of the line that goes on."""
        return len(self._rest)

    def take(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this piece, without their ends."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._rest:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest = bytearray()
        self._rest += rest
        return lines

    def release(self) -> bytes:
        """What no end of a line has come for; nothing is held from now on."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest
