"""The disk space of the state: used, free, and whether new work is refused for want of it."""

import os
from pathlib import Path

from msgspec import Struct

FREE_MARGIN_BYTES = 64 * 1024 * 1024
"""Bytes that stay free on the file system: what runs must be able to end."""

SMALL_DISK_PART = 20
"""On a small file system the margin is one part in so many of it."""

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


def measure_disk_space(path: Path, held: int) -> DiskSpace:
    """The disk space of a database in which so many bytes are used. Blocking."""
    system = os.statvfs(path.parent)
    margin = min(FREE_MARGIN_BYTES, system.f_blocks * system.f_frsize // SMALL_DISK_PART)
    return DiskSpace(used=held + log_size(path), free=system.f_bavail * system.f_frsize, margin=margin)


def log_size(path: Path) -> int:
    """Bytes of the write-ahead log of a database. Blocking."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0
