"""One gateway a state database: a lock beside it, and the identity that its processes carry."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import orjson

from ductile.store.errors import StateLocked, StateOnNetwork, StateUnreachable

NETWORK = frozenset(
    {
        *("9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"),
        *("smb3", "smbfs"),
        *("fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
"""File system types on which a lock or a shared map of one machine does not bind another."""

_PRIVATE = 0o600


def read_mounts() -> str:
    """The mount table of this process; empty where the system has none."""
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text("utf-8", errors="surrogateescape")
    return ""


class StateLock:
    """Holds `<state>.lock` for as long as the gateway runs; `<state>.instance` names the installation.

    The instance is bound to the lock file itself, so a copied folder becomes an instance of its own.
    """

    instance: str

    def __init__(self, path: Path, *, mounts: Callable[[], str] = read_mounts) -> None:
        self._path = path
        self._file = path.with_name(f"{path.name}.lock")
        self._identity = path.with_name(f"{path.name}.instance")
        self._mounts = mounts
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes the lock. Raises `StateLocked`, `StateOnNetwork` or `StateUnreachable`."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_network()
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        except OSError as error:
            raise StateUnreachable(path=self._path, reason=error) from error
        try:
            self._lock(descriptor)
            self.instance = self._identify(os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back. The file stays: deleting it would let two gateways hold one each."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "?"
            raise StateLocked(path=self._path, pid=pid) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def _identify(self, lock: os.stat_result) -> str:
        """The instance that this lock file belongs to; a new one where none, or another lock file's, is written."""
        bound = {"device": lock.st_dev, "inode": lock.st_ino}
        with suppress(OSError, ValueError, AttributeError):
            known = orjson.loads(self._identity.read_bytes())
            instance = known.pop("instance")
            if known == bound and isinstance(instance, str):
                return instance
        instance = str(uuid4())
        self._write(orjson.dumps({"instance": instance, **bound}))
        return instance

    def _write(self, content: bytes) -> None:
        """All or nothing: plugins left by a crash are found by what stands here."""
        draft = self._identity.with_name(f"{self._identity.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
        try:
            os.write(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(self._identity)

    def _refuse_network(self) -> None:
        kind = file_system(self._file.parent.resolve(), self._mounts())
        if kind in NETWORK:
            raise StateOnNetwork(path=self._path, kind=kind)


def file_system(folder: Path, mounts: str) -> str | None:
    """The type of the file system that a folder is on; None where the table does not tell."""
    best, found = -1, None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = _unescape(before.split()[4])
        if folder.is_relative_to(point) and len(point) >= best:  # of two on one point, the later one covers the other
            best, found = len(point), after.split()[0]
    return found


def _unescape(text: str) -> str:
    """A mount point as the table writes it: space, tab, newline and backslash in octal."""
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, character)
    return text
