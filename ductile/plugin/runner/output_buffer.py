"""What is kept of a plugin's output: bounded, however much it writes."""


class HeadBuffer:
    """Keeps the first `limit` bytes and knows whether there were more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.overflowed = False

    def take(self, chunk: bytes) -> None:
        """Takes what was read next."""
        room = self._limit - len(self._kept)
        self.overflowed = self.overflowed or len(chunk) > room
        self._kept += chunk if len(chunk) <= room else chunk[:room]

    def __len__(self) -> int:
        return len(self._kept)

    def release(self) -> bytes:
        """What was kept; nothing is, from now on."""
        value = bytes(self._kept)
        self._kept = bytearray()
        return value


class HeadTailBuffer:
    """Keeps both ends of a stream, `limit` bytes in all, with a note of how much was cut between them."""

    _NOTE = "\n[… {cut} bytes are left out here …]\n"
    _NOTE_ROOM = 64

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0

    def take(self, chunk: bytes) -> None:
        """Takes what was read next."""
        self._seen += len(chunk)
        room = self._limit // 2 - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk[-self._limit :]
        if len(self._tail) > 2 * self._limit:  # cut now and then, not at each chunk
            del self._tail[: -self._limit]

    def value(self) -> bytes:
        """All of it where it fits, else its two ends around the note."""
        if self._seen <= self._limit:
            return bytes(self._head + self._tail)
        tail = self._tail[-(self._limit - len(self._head) - self._NOTE_ROOM) :]
        note = self._NOTE.format(cut=self._seen - len(self._head) - len(tail)).encode()
        return bytes(self._head + note + tail)
