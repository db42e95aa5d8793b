"""The disk space of the state, and whether new work is refused for want of it."""

from msgspec import Struct

RESUME_SHARE = 0.9
"""The part of `max_size` below which new work is taken again; of free space it is twice the margin."""


class DiskSpace(Struct, frozen=True, kw_only=True):
    """Bytes."""

    used: int
    """Of the database and its write-ahead log; free pages are not counted, for they are written on first."""
    free: int
    """Of the file system, for whoever is not root."""
    margin: int

    def shortage(self, max_size: int | None, *, before: bool) -> str | None:
        """Why no new work should be taken, as the end of a sentence; `before`: whether it was so until now."""
        limit = max_size if max_size is None or not before else max_size * RESUME_SHARE
        if limit is not None and self.used > limit:
            return f"the state takes {self.used:,} bytes, and `state.max_size` is {max_size:,}"
        if self.free < (2 * self.margin if before else self.margin):
            return f"the file system of the state has {self.free:,} bytes left"
        return None
