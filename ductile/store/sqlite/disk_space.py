"""Measures the disk space of a database."""

import os
from pathlib import Path

from ductile.model.disk_space import DiskSpace

FREE_MARGIN_BYTES = 64 * 1024 * 1024
"""Bytes that stay free on the file system: what runs must be able to end."""

SMALL_DISK_PART = 20
"""On a small file system the margin is one part in so many of it."""


def measure_disk_space(path: Path, held: int) -> DiskSpace:
    """The disk space of a database in which so many bytes are used. Blocking."""
    system = os.statvfs(path.parent)
    margin = min(FREE_MARGIN_BYTES, system.f_blocks * system.f_frsize // SMALL_DISK_PART)
    return DiskSpace(used=held + log_size(path), free=system.f_bavail * system.f_frsize, margin=margin)


def log_size(path: Path) -> int:
    """Bytes of the write-ahead log of a database. Blocking."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0
