"""The store: one writing thread, a few readers, one SQLite file."""

import asyncio
import secrets
import time
from asyncio import Future
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from ductile.model.clock import Clock, Millis
from ductile.model.disk_space import DiskSpace
from ductile.model.filters import AttemptFilter
from ductile.model.ids import new_id
from ductile.model.notification import LaneReady
from ductile.model.read_models import AttemptPage
from ductile.store.contract import BatchListener, CommitListener, Enough, Hooks, IndexProgress, TrimKind
from ductile.store.errors import LogsNotIndexed, StateUnreachable, StorageDamaged, StorageFull, StoreUnavailable
from ductile.store.meta import set_meta
from ductile.store.sqlite.damage import Damage, find_damage
from ductile.store.sqlite.database import open_database
from ductile.store.sqlite.database_files import DatabaseFiles
from ductile.store.sqlite.disk_reserve import keep_reserve
from ductile.store.sqlite.disk_space import log_size, measure_disk_space
from ductile.store.sqlite.read_pool import ReadPool
from ductile.store.sqlite.reads import StoreReads
from ductile.store.sqlite.search.indexer import Indexed, Words, index_attempts
from ductile.store.sqlite.space import SQLITE_TRIMS, free_space
from ductile.store.sqlite.transaction import SqliteTransaction
from ductile.store.sqlite.writer import Writer
from ductile.store.writes import StoreWrites

FAILURE_PROBE_SECONDS = 60.0
"""Seconds after a failure in which `can_commit` writes as much as a small job does."""

FAILURE_PROBE_CHARACTERS = 32 * 1024
"""Characters of that write: what a small job and its end take."""

SEARCH_CATCH_UP_SECONDS = 10.0
"""Seconds that a search may spend on indexing before it begins."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SqliteStore(StoreReads, StoreWrites):
    """The durable queue in one SQLite file. Every write is an operation on a `Tx`."""

    def __init__(self, path: Path, writer: Writer, files: DatabaseFiles, damage: Damage) -> None:
        super().__init__(ReadPool(path, damage=damage, lost=lambda: files.lost))
        self.session = writer.session
        self._writer = writer
        self._path = path
        self._files = files
        self._damage = damage
        self._expected: set[str] = set()
        """Lanes that the queued writes ready."""
        self.before_flush(self._publish_expected)
        self.capacity_error: str | None = None
        """Why no new work is taken for want of space, while that is so; the disk guard sets it."""

    @classmethod
    async def open(cls, path: Path, *, clock: Clock, hooks: Hooks | None = None) -> Self:
        """Opens (creates, migrates) the database on the running loop. Raises a kind of `StoreError`."""
        connection = await asyncio.to_thread(open_database, path)
        try:
            files = DatabaseFiles(path)
        except OSError as error:
            connection.close()
            raise StateUnreachable(path=path, reason=error) from error
        damage = Damage()
        return cls(
            path,
            Writer(connection, SqliteTransaction(connection, hooks, new_id()), clock, files, damage),
            files,
            damage,
        )

    def write(
        self, operation: Callable[Concatenate[SqliteTransaction, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """Runs the operation on the writing thread; the answer comes after the commit, or is what it raised.

        What it raised undoes it alone. It is `StoreUnavailable` where the batch could not be committed.
        """
        return self._writer.write(operation, args, kwargs)

    def dry_run(
        self, operation: Callable[Concatenate[SqliteTransaction, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """Runs the operation as `write` does and undoes it: only its answer, or what it raised, is left."""
        return self._writer.write(operation, args, kwargs, dry_run=True)

    def has_waiters(self) -> bool:
        """Whether other writes wait for the batch at work; asked on the writing thread."""
        return self._writer.has_waiters()

    def check_capacity(self) -> None:
        """Asked before new work is written. Raises `StorageFull`, `StorageLost` or `StorageDamaged`."""
        fault = self.fault()
        if fault is not None:
            raise fault
        if self.capacity_error is not None:
            raise StorageFull(reason=self.capacity_error)

    def fault(self) -> StoreUnavailable | None:
        """What is wrong with the files of the database, as the last commit, read or check has found it."""
        if self._files.lost is not None:
            return self._files.lost
        return None if self._damage.reason is None else StorageDamaged(reason=self._damage.reason)

    @property
    def lost(self) -> bool:
        """Whether the open files are no longer those at the paths."""
        return self._files.lost is not None

    def on_damage(self, notice: Callable[[], object]) -> None:
        """Calls back where SQLite tells of a damaged file or a failing disk, on any thread."""
        self._damage.on_note = notice

    async def check_files(self) -> None:
        """Compares the open files with their paths, and reads the whole database where damage was found."""
        if self._files.check(fully=True) is not None:
            with suppress(StoreUnavailable):  # the writing thread saves what was accepted, and looks again
                await self.write(_do_nothing)
        if self.lost or self._damage.reason is None:
            return
        self._damage.reason = await asyncio.to_thread(find_damage, self._path)
        if self._damage.reason is None:
            await self._pool.renew()

    async def disk_space(self) -> DiskSpace:
        """How much space the state takes, and how much there is."""
        return await asyncio.to_thread(measure_disk_space, self._path, await self.held_bytes())

    async def keep_reserve(self, space: DiskSpace) -> bool:
        """Makes the reserve, or deletes it where hardly any space is left; whether it did either. Raises OSError."""
        return await asyncio.to_thread(keep_reserve, self._path, space)

    async def log_size(self) -> int:
        """Bytes of the write-ahead log: it grows beyond the usual while a reader keeps it from being written back."""
        return await asyncio.to_thread(log_size, self._path)

    def on_commit(self, listener: CommitListener) -> None:
        """Calls the listener on the loop with the signals of each commit, before the commit's callers go on."""
        self._writer.commit_listeners.append(listener)

    def include_view_for(self, wants_view: Callable[[str], bool]) -> None:
        """Adds the view of an ended job to its signal where `wants_view(job_id)`, which is asked on the thread."""
        self._writer.wants_view = wants_view

    def on_batch(self, listener: BatchListener) -> None:
        """Calls the listener on the loop with the size of each batch and the seconds of its commit."""
        self._writer.batch_listeners.append(listener)

    def before_flush(self, listener: Callable[[], None]) -> None:
        """Calls the listener on the loop before queued writes go to the thread: what it writes joins their batch."""
        self._writer.flush_listeners.append(listener)

    def flush_soon(self) -> None:
        """Calls the listeners of `before_flush` soon, although nothing was written."""
        self._writer.flush_soon()

    def expect_ready(self, lanes: Iterable[str]) -> None:
        """Tells the commit listeners that the queued writes ready these lanes, ahead of their commit.

        The listeners are called once for all queued writes, before the listeners of `before_flush`: a claim is then
        written behind them in the same batch, with one commit for both. Where the write fails, the claim finds nothing.
        """
        self._expected.update(lanes)
        self._writer.flush_soon()

    def _publish_expected(self) -> None:
        if self._expected:
            self._writer.publish([LaneReady(lane) for lane in self._expected])
            self._expected.clear()

    async def logs(self, wanted: AttemptFilter, now: Millis) -> AttemptPage:
        """A page of ended attempts, newest first. A search finds whatever had ended when it began.

        Raises `LogsNotIndexed` where so much has ended lately that its full text takes long to write.
        """
        if wanted.query is not None:
            await self._index_what_has_ended()
        return await super().logs(wanted, now)

    async def _index_what_has_ended(self) -> None:
        """Writes the full text of what has ended by now."""
        newest, indexed = await self.text_progress()
        gives_up_at = time.monotonic() + SEARCH_CATCH_UP_SECONDS
        while indexed < newest:
            done = await self.write(index_attempts, await self.large_text())
            indexed = done.through
            if not done.more:
                return
            if time.monotonic() > gives_up_at and indexed < newest:
                raise LogsNotIndexed(left=newest - indexed)

    async def index_logs(self) -> IndexProgress:
        """Writes one batch of the full-text index."""
        ahead = await self.large_text()
        began = time.monotonic()
        indexed, contended = await self.write(self._index_batch, ahead)
        return IndexProgress(more=indexed.more, contended=contended, seconds=time.monotonic() - began)

    def _index_batch(self, tx: SqliteTransaction, ahead: Words | None) -> tuple[Indexed, bool]:
        """On the writing thread: one batch, and whether other writes wait for it."""
        return index_attempts(tx, ahead), self.has_waiters()

    def trim(self, kind: TrimKind, before: Millis, enough: Enough) -> Future[int]:
        """Deletes a batch of rows that are older than a time; returns how many, 0 where none is left."""
        return self.write(SQLITE_TRIMS[kind], before, enough)

    def free_space(self, enough: Enough) -> Future[bool]:
        """Gives space of deleted rows back to the file system; returns whether more can be given back."""
        return self.write(free_space, enough)

    async def ping(self) -> None:
        """Returns once the writing thread has answered. Raises `StoreUnavailable`."""
        await self.write(_do_nothing)

    async def can_commit(self) -> bool:
        """Whether a write becomes durable now.

        A full disk may still take a page where it takes no job: after a failure the probe is as large as a job.
        """
        if self.fault() is not None:
            return False
        size = FAILURE_PROBE_CHARACTERS if time.monotonic() - self._writer.trouble_at < FAILURE_PROBE_SECONDS else 16
        try:
            await self.write(set_meta, "commit_probe", secrets.token_hex(size // 2))
        except StoreUnavailable:
            return False
        return True

    async def close(self) -> None:
        """Writes what waits, then closes every connection and ends every thread."""
        await super().close()
        await self._writer.close()
        self._files.close()


def _do_nothing(_tx: SqliteTransaction) -> None:
    """An empty write: it checks the files with its commit, and shows that the writing thread works."""
