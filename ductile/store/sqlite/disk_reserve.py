"""A file that keeps a little of the disk: a start on a full disk deletes it, so that the database can open."""

import os
from pathlib import Path

from ductile.model.disk_space import DiskSpace

RESERVE_BYTES = 8 * 1024 * 1024
"""Of the file at most: a write-ahead log of the usual size, its index, and what a few jobs need to end."""


def reserve_path(path: Path) -> Path:
    """Where the reserve of a database stands."""
    return path.with_name(f"{path.name}.reserve")


def release_reserve(path: Path) -> bool:
    """Deletes the reserve; whether there was one. Blocking."""
    try:
        reserve_path(path).unlink()
    except OSError:
        return False
    return True


def keep_reserve(path: Path, space: DiskSpace) -> bool:
    """Makes the reserve where there is plenty of room, and gives it up where hardly any is left; whether it did either.

    Blocking. Raises OSError where the file cannot be made.
    """
    size = min(RESERVE_BYTES, space.margin // 2)
    if space.free < size:
        return release_reserve(path)
    reserve = reserve_path(path)
    if space.free < 2 * space.margin + size or reserve.exists():
        return False
    descriptor = os.open(reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        release_reserve(path)
        raise
    finally:
        os.close(descriptor)
    return True
