"""The files that the store has open, held against what stands at their paths.

A file that is deleted, moved or replaced while it is open goes on working for whoever has it open, and is gone for the
next start. So each commit asks whether the open database still has a name, and every few milliseconds whether the paths
still lead to the open files.
"""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import structlog

from ductile.model.clock import Clock
from ductile.store.errors import StorageLost
from ductile.store.sqlite.queries import QUERIES

log = structlog.get_logger(__name__)

CHECK_INTERVAL_SECONDS = 0.02
"""Time in which the paths are looked at once at most: a look is three system calls beside a commit of one."""

COMPANION_SUFFIXES = ("-wal", "-shm")
"""What SQLite keeps beside a database in use; the locks of its readers and writers are in the second one."""

PRIVATE_MODE = 0o600

Identity = tuple[int, int]
"""Device and inode."""


class DatabaseFiles:
    """The database and the files beside it, as they were opened.

    The descriptor is closed after every connection of SQLite: closing any descriptor of a file drops the locks that
    the process has on the file.
    """

    def __init__(self, path: Path) -> None:
        self.lost: StorageLost | None = None
        """What is wrong, as the last check found it."""
        self.saved = False
        """Whether all that was accepted before the loss is saved from it."""
        self.copy_path: Path | None = None
        """Where the copy of a deleted database is."""
        self._failure = ""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._database = _identity(os.fstat(self._descriptor))
        self._companions: dict[Path, Identity] = {}
        self._check_at = 0.0
        self._note_companions()

    def close(self) -> None:
        """Lets go of the file; the connections are closed by now. Again: nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def check(self, *, fully: bool = False) -> StorageLost | None:
        """What is wrong with the files, as an error for who wants to write; `fully` looks at the paths in any case."""
        named = os.fstat(self._descriptor).st_nlink
        now = time.monotonic()
        if named and not fully and self.lost is None and now < self._check_at:
            return None
        self._check_at = now + CHECK_INTERVAL_SECONDS
        fault = self._fault(named=bool(named))
        if fault is None:
            self.lost, self.saved = None, False
        elif self.lost is None or self.lost.details["reason"] != fault:
            self.lost = StorageLost(reason=fault, remedy=self._remedy(named=bool(named)))
        return self.lost

    def check_before_commit(self) -> None:
        """Raises `StorageLost` where what would be committed is lost with the files."""
        lost = self.check()
        if lost is not None:
            raise lost

    def secure(self, connection: sqlite3.Connection, clock: Clock) -> None:
        """Saves what was accepted from lost files: into the database while it has a name, else into a copy.

        Called between two transactions. What fails is logged once and tried again with the next call.
        """
        if self.lost is None:
            return
        named = bool(os.fstat(self._descriptor).st_nlink)
        if self.saved and (named or self.copy_path is not None):
            return
        try:
            ((busy, *_),) = connection.execute(QUERIES["empty_wal"].sql).fetchall()
            if not named:
                self.copy(connection, clock)
            elif busy:
                return
        except (OSError, sqlite3.Error) as error:
            if str(error) != self._failure:
                self._failure = str(error)
                log.error("store.copy_failed", reason=self._failure, hint="it is tried again every second")
            return
        self.saved = True
        self.lost = StorageLost(reason=self.lost.details["reason"], remedy=self._remedy(named=named))
        log.error("store.secured", reason=self.lost.message, copy=str(self.copy_path) if self.copy_path else None)

    def copy(self, connection: sqlite3.Connection, clock: Clock) -> None:
        """Writes all that was committed into a new file: where the database was, or beside what stands there now.

        Blocking. Raises OSError or sqlite3.Error.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.rescue")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_MODE))
        with closing(sqlite3.connect(draft)) as target:
            connection.backup(target)
        _sync(draft)
        self.copy_path = self._place(draft, clock)
        _sync(self._path.parent)

    def _place(self, draft: Path, clock: Clock) -> Path:
        """Gives the copy its name; nothing that stands somewhere is overwritten."""
        if not self._path.exists():
            for beside in COMPANION_SUFFIXES:  # what is left of the deleted database does not belong to the copy
                self._path.with_name(self._path.name + beside).unlink(missing_ok=True)
        try:
            os.link(draft, self._path)
        except FileExistsError:
            return draft.rename(self._path.with_name(f"{self._path.name}.rescued-{clock()}"))
        draft.unlink()
        return self._path

    def _fault(self, *, named: bool) -> str | None:
        found = _stat(self._path)
        if not named and (found is None or self.copy_path == self._path):
            return "its file was deleted"
        if found is None:
            return "its file was moved away"
        if found != self._database:
            return "another file stands at its path"
        self._note_companions()
        for path, identity in self._companions.items():
            if _stat(path) != identity:
                return f"{path.name} was deleted or replaced"
        return None

    def _remedy(self, *, named: bool) -> str:
        name = self.copy_path.name if self.copy_path else ""
        if self.copy_path == self._path:
            return "all that was accepted was written back to its path; restart the gateway"
        if name:
            return (
                f"all that was accepted is in {name} beside it; restart the gateway to go on with the file that stands "
                f"there now, or stop it, move {name} to the path, and start it"
            )
        if not named:
            return "a copy of it is being written, do not kill the gateway before /healthz tells where it is"
        if _stat(self._path) == self._database:
            return "restart the gateway; what was accepted is in the database itself"
        return "move the open file back to its path, and the gateway goes on"

    def _note_companions(self) -> None:
        """Notes the files beside the database once they are there: SQLite makes them as it needs them."""
        if len(self._companions) < len(COMPANION_SUFFIXES):
            for beside in COMPANION_SUFFIXES:
                path = self._path.with_name(self._path.name + beside)
                found = None if path in self._companions else _stat(path)
                if found is not None:
                    self._companions[path] = found


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _stat(path: Path) -> Identity | None:
    try:
        return _identity(os.stat(path))  # noqa: PTH116 - on the way of every commit
    except OSError:
        return None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
