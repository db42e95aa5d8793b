"""One gateway a state database: a lock on it and one beside it, and the identity that its processes carry."""

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

NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"),
        *("smb3", "smbfs"),
        *("fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
"""File system types on which a lock or a shared map of one machine does not bind another."""

_PRIVATE_MODE = 0o600


def read_mounts() -> str:
    """The mount table of this process; empty where the system has none."""
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text("utf-8", errors="surrogateescape")
    return ""


def read_locks() -> str:
    """The locks of this machine, a line each; empty where the system does not tell."""
    with suppress(OSError):
        return Path("/proc/locks").read_text("ascii", errors="replace")
    return ""


def lock_holder(file: os.stat_result, locks: str) -> str | None:
    """The process that holds a `flock` on the file; None where the table names none."""
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    for line in locks.splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == place:  # noqa: PLR2004 - the columns of proc(5)
            return fields[4]
    return None


class StateLock:
    """Locks `<state>.lock` and the database for as long as the gateway runs; `<state>.instance` names the installation.

    The instance is bound to the lock file itself, so a copied folder becomes an instance of its own.
    """

    instance: str

    def __init__(self, path: Path, *, mounts: Callable[[], str] = read_mounts) -> None:
        self._path = path
        self._file = path.with_name(f"{path.name}.lock")
        self._identity = path.with_name(f"{path.name}.instance")
        self._mounts = mounts
        self._descriptor: int | None = None
        self._database: int | None = None

    def acquire(self) -> None:
        """Takes the lock. Raises `StateLocked`, `StateOnNetwork` or `StateUnreachable`."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_network()
            descriptor = self._open(self._file)
        except OSError as error:
            raise StateUnreachable(path=self._path, reason=error) from error
        try:
            self._lock(descriptor)
            self._lock_database()
            self.instance = self._identify(os.fstat(descriptor))
        except OSError as error:
            self._close(descriptor)
            raise StateUnreachable(path=self._path, reason=error) from error
        except BaseException:
            self._close(descriptor)
            raise
        self._descriptor = descriptor

    def renew(self) -> bool:
        """Makes a lock file anew where it was deleted or replaced; whether it did. Blocking. Raises OSError."""
        if self._descriptor is None or self._is_current(self._descriptor):
            return False
        descriptor = self._open(self._file)
        try:
            self._lock(descriptor)
            self._write(self.instance, os.fstat(descriptor))
        except StateLocked:  # by a gateway that finds the database itself locked, and ends
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Gives the lock back. The file stays: deleting it would let two gateways hold one each."""
        if self._descriptor is not None:
            self._close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @staticmethod
    def _open(path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_MODE)

    def _close(self, descriptor: int) -> None:
        os.close(descriptor)
        if self._database is not None:
            os.close(self._database)
            self._database = None

    def _is_current(self, descriptor: int) -> bool:
        with suppress(OSError):
            return os.path.samestat(self._file.stat(), os.fstat(descriptor))
        return False

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "?"
            raise StateLocked(path=self._path, pid=pid) from None
        pid_line = f"{os.getpid()}\n".encode("ascii")
        with suppress(OSError):  # a full disk: the lock holds all the same, and only its holder is not named
            os.pwrite(descriptor, pid_line, 0)
            os.ftruncate(descriptor, len(pid_line))

    def _lock_database(self) -> None:
        """Locks the database itself, so that a deleted lock file lets no second gateway in.

        `flock` and SQLite's own locks do not meet. The descriptor is closed behind every connection of the process:
        closing it would drop the locks of SQLite.
        """
        self._database = self._open(self._path)
        try:
            fcntl.flock(self._database, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = lock_holder(os.fstat(self._database), read_locks()) or "?"
            raise StateLocked(path=self._path, pid=pid) from None

    def _identify(self, lock: os.stat_result) -> str:
        """The instance that this lock file belongs to; a new one where none, or another lock file's, is written."""
        bound = {"device": lock.st_dev, "inode": lock.st_ino}
        with suppress(OSError, ValueError, AttributeError):
            known = orjson.loads(self._identity.read_bytes())
            instance = known.pop("instance")
            if known == bound and isinstance(instance, str):
                return instance
        instance = str(uuid4())
        self._write(instance, lock)
        return instance

    def _write(self, instance: str, lock: os.stat_result) -> None:
        """All or nothing: plugins left by a crash are found by what stands here."""
        content = orjson.dumps({"instance": instance, "device": lock.st_dev, "inode": lock.st_ino})
        draft = self._identity.with_name(f"{self._identity.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE_MODE)
        try:
            os.write(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(self._identity)

    def _refuse_network(self) -> None:
        kind = file_system_type(self._file.parent.resolve(), self._mounts())
        if kind in NETWORK_FILE_SYSTEMS:
            raise StateOnNetwork(path=self._path, kind=kind)


def file_system_type(folder: Path, mounts: str) -> str | None:
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
