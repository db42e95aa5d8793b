"""Looks at files below a root. No link leads out of it, also not one that is swapped in while we look."""

import contextlib
import fnmatch
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from file_watch_settings import Watch

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CHUNK = 1024 * 1024
MOST_ENTRIES = 100_000
"""Names that one poll looks through."""
DEEPEST = 64
"""Folders inside each other that one poll looks into."""


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


class Unreadable(Exception):
    """It cannot be looked at now; it may be at the next poll."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What the file system says of a file: when this is the same, so is the content."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        return cls(size=status.st_size, mtime_ns=status.st_mtime_ns, ctime_ns=status.st_ctime_ns, inode=status.st_ino)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one poll may do."""

    until: float
    """Of `time.monotonic()`."""
    max_hash_bytes: int

    def check(self) -> None:
        if time.monotonic() > self.until:
            raise Unreadable("the poll's time is over; the next one goes on")


def found(watch: Watch, limits: Limits, warn: Callable[[str], None]) -> dict[tuple[str, ...], Stamp]:
    """The regular files of a watch, by their parts below its root. Raises Unreadable where it cannot be listed."""
    if not watch.pattern:
        return single(watch, warn)
    files: dict[tuple[str, ...], Stamp] = {}
    plain = next(index for index, part in enumerate(watch.inside) if any(sign in part for sign in "*?["))
    try:
        with folder(watch.root, watch.inside[:plain]) as base:
            for inside, stamp in walk(base, watch.inside[plain:], (), limits, [0]):
                if writable_name(inside[-1]) and all(map(writable_name, inside)):
                    files[(*watch.inside[:plain], *inside)] = stamp
                else:
                    warn(f"{watch.id}: a name is no UTF-8 and is left out: {inside!a}")
    except OSError as error:
        raise Unreadable(f"{watch.root.joinpath(*watch.inside[:plain])} cannot be listed: {error.strerror}") from None
    return files


def single(watch: Watch, warn: Callable[[str], None]) -> dict[tuple[str, ...], Stamp]:
    """The one file of a watch without a pattern. A link to it is followed where it stays inside the root."""
    real = Path(os.path.realpath(watch.root.joinpath(*watch.inside)))
    if not real.is_relative_to(watch.root) or real == watch.root:
        warn(f"{watch.id}: {watch.root.joinpath(*watch.inside)} leads out of {watch.root} and counts as not there")
        return {}
    try:
        parts = real.relative_to(watch.root).parts
        with folder(watch.root, parts[:-1]) as parent:
            status = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Unreadable(f"{real} cannot be looked at: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        warn(f"{watch.id}: {real} is no regular file and counts as not there")
        return {}
    return {watch.inside: Stamp.of(status)}


def digest(watch: Watch, inside: tuple[str, ...], stamp: Stamp, limits: Limits) -> str | None:
    """The file's SHA-256, if it stays as `stamp` says while it is read; None where it does not."""
    path = watch.root.joinpath(*inside)
    parts = inside if watch.pattern else Path(os.path.realpath(path)).relative_to(watch.root).parts
    seen = hashlib.sha256()
    try:
        with opened(watch.root, parts) as file:
            if Stamp.of(os.fstat(file)) != stamp:
                return None
            while piece := os.read(file, CHUNK):
                limits.check()
                seen.update(piece)
            return seen.hexdigest() if Stamp.of(os.fstat(file)) == stamp else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None


@contextlib.contextmanager
def folder(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of a folder, reached part by part below the root without following a link."""
    descriptor = os.open(root, FOLDER)
    try:
        for part in parts:
            below = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def opened(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    with folder(root, parts[:-1]) as parent:
        descriptor = os.open(parts[-1], FILE, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def walk(
    base: int, pattern: tuple[str, ...], below: tuple[str, ...], limits: Limits, count: list[int]
) -> Iterator[tuple[tuple[str, ...], Stamp]]:
    """Regular files that fit; links are not followed."""
    with os.scandir(base) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    count[0] += len(names)
    limits.check()
    if count[0] > MOST_ENTRIES:
        raise Refused(f"a pattern looks through more than {MOST_ENTRIES} names; narrow config.watches")
    for name, is_folder in sorted(names):
        inside = (*below, name)
        try:
            if is_folder and leads_on(pattern, inside):
                if len(inside) > DEEPEST:
                    raise Refused(f"a pattern looks into more than {DEEPEST} folders inside each other")
                descriptor = os.open(name, FOLDER, dir_fd=base)
                try:
                    yield from walk(descriptor, pattern, inside, limits, count)
                finally:
                    os.close(descriptor)
            elif not is_folder and fits(pattern, inside):
                status = os.stat(name, dir_fd=base, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield inside, Stamp.of(status)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it went between the listing and the look


def leads_on(pattern: tuple[str, ...], inside: tuple[str, ...]) -> bool:
    """Whether files that fit may lie below a folder."""
    if "**" in pattern:
        plain = pattern.index("**")
        return one_fits(pattern[: len(inside)], inside) if len(inside) <= plain else not inside[-1].startswith(".")
    return len(inside) < len(pattern) and one_fits(pattern[: len(inside)], inside)


def one_fits(pattern: tuple[str, ...], inside: tuple[str, ...]) -> bool:
    return all(part_fits(name, part) for part, name in zip(pattern, inside, strict=True))


def part_fits(name: str, pattern: str) -> bool:
    """A hidden name fits only a pattern that begins with a dot."""
    return (pattern.startswith(".") or not name.startswith(".")) and fnmatch.fnmatchcase(name, pattern)


@lru_cache(maxsize=100_000)
def fits(pattern: tuple[str, ...], inside: tuple[str, ...]) -> bool:
    """Whether a path fits a pattern in which `**` stands for any number of folders."""
    if not pattern:
        return not inside
    if pattern[0] == "**":
        here = fits(pattern[1:], inside)
        return here or (len(inside) > 0 and not inside[0].startswith(".") and fits(pattern, inside[1:]))
    return bool(inside) and part_fits(inside[0], pattern[0]) and fits(pattern[1:], inside[1:])


def writable_name(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
