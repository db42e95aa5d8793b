"""Writing a file whole or not at all."""

import os
import stat
import tempfile
from pathlib import Path


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Put the content in the place of the file at once: a reader sees the old file or the new one, a crash leaves one.

    A file that is there keeps its mode and owner, and a symlink to it stays one. A new file gets `mode`, or what the
    umask leaves of 0666. Something that is no file, such as /dev/null or a pipe, is written to. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    known = file_status(target)
    if known is not None and not stat.S_ISREG(known.st_mode):
        with target.open("wb", buffering=0) as stream:
            _write(stream.fileno(), content)
        return
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:200]}.", suffix=".new")
    try:
        try:
            _copy_owner(number, known, mode)
            _write(number, content)
            os.fsync(number)
        finally:
            os.close(number)
        os.replace(name, target)  # noqa: PTH105 - the name is text already
    except BaseException:
        os.unlink(name)  # noqa: PTH108 - as above
        raise
    _sync(target.parent)


def file_status(path: Path) -> os.stat_result | None:
    """What is there, or None. Raises OSError where that cannot be told."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _copy_owner(number: int, known: os.stat_result | None, mode: int | None) -> None:
    """The mode and owner of the file that is replaced."""
    if known is None:
        os.fchmod(number, 0o666 & ~_umask() if mode is None else mode)
        return
    new = os.fstat(number)
    if (new.st_uid, new.st_gid) != (known.st_uid, known.st_gid):
        os.fchown(number, known.st_uid, known.st_gid)
    os.fchmod(number, stat.S_IMODE(known.st_mode))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _write(number: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(number, rest) :]


def _sync(folder: Path) -> None:
    """Make the new name last; a file system that cannot sync a folder does so by itself."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError:  # EINVAL: the file system knows no fsync of a folder
        return
    finally:
        os.close(number)
