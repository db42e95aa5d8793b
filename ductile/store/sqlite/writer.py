"""The one thread that writes: group commit for everybody who waits.

It takes all waiting operations, runs them in one transaction, commits, and answers the whole batch with one call on the
event loop. It never waits for a batch to fill. An operation that fails takes nothing of the others with it.
"""

import asyncio
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import structlog
from msgspec import Struct

from ductile.model.clock import Clock
from ductile.model.notification import JobEnded, Notification
from ductile.store.contract import BatchListener, CommitListener
from ductile.store.errors import StoreClosed, StoreUnavailable
from ductile.store.job_views import view_job
from ductile.store.sqlite.damage import Damage
from ductile.store.sqlite.database_files import DatabaseFiles
from ductile.store.sqlite.transaction import SqliteTransaction

BATCH_OPERATIONS = 512
BATCH_SECONDS = 0.005
IDLE_CHECKPOINT_SECONDS = 2.0
"""Seconds without a write after which the write-ahead log is emptied."""

_log = structlog.get_logger(__name__)


class _Write(Struct):
    """One operation, who waits for it, and what became of it."""

    operation: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: asyncio.Future[Any]
    dry_run: bool
    """Whether what it writes is undone, so that only its answer is left."""
    result: Any = None
    error: Exception | None = None


class Writer:
    """Owns the writing connection. Made on the event loop whose callers it answers."""

    def __init__(
        self, connection: sqlite3.Connection, tx: SqliteTransaction, clock: Clock, files: DatabaseFiles, damage: Damage
    ) -> None:
        self.commit_listeners: list[CommitListener] = []
        self.batch_listeners: list[BatchListener] = []
        self.flush_listeners: list[Callable[[], None]] = []
        """Called on the loop before queued writes go to the thread; what they write joins the batch."""
        self.wants_view: Callable[[str], bool] = lambda _job_id: False
        """Asked on the thread for each ended job: whether its view goes with the notification."""
        self.trouble_at = -math.inf
        """When a write last failed as unavailable, by the monotonic clock."""
        self._connection = connection
        self._tx = tx
        self.session = tx.owner
        self._clock = clock
        self._files = files
        self._damage = damage
        self._loop = asyncio.get_running_loop()
        self._outbox: list[_Write] = []
        self._flushing = False
        self._inbox: SimpleQueue[list[_Write] | None] = SimpleQueue()
        self._pending: deque[_Write] = deque()
        """Writes that the thread has taken and not begun."""
        self._batch: list[_Write] = []
        self._use_savepoints = False
        self._commit_seconds: float | None = None
        self._written = False
        """Whether a batch was written since the write-ahead log was last emptied."""
        self._failure = ""
        """Why the last batch failed; empty where it did not."""
        self._ending = False
        self._closed = False
        self._crash: BaseException | None = None
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="ductile-writer", daemon=True)
        self._thread.start()

    def write(
        self, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, dry_run: bool = False
    ) -> asyncio.Future[Any]:
        """Runs the operation in the next batch; the answer comes after the commit, or is what the operation raised.

        A caller that is cancelled stops waiting; its operation is still written. A dry run sees what
        stands before it in the batch, and is undone: neither a row nor a signal of it is left.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._crash is not None:
            reason = f"its writing thread has died ({self._crash!r}); restart the gateway"
            future.set_exception(StoreUnavailable(reason=reason))
            return future
        if self._closed:
            future.set_exception(StoreClosed())
            return future
        self._outbox.append(_Write(operation, args, kwargs, future, dry_run))
        self.flush_soon()
        return future

    def flush_soon(self) -> None:
        """Flushes soon, although nothing may be queued."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def has_waiters(self) -> bool:
        """Whether other writes wait for the batch at work; asked on the thread."""
        return len(self._batch) > 1 or bool(self._pending) or not self._inbox.empty()

    def publish(self, signals: Sequence[Notification]) -> None:
        """On the loop: calls every listener."""
        for listener in self.commit_listeners:
            try:
                listener(signals)
            except Exception:  # noqa: BLE001 - a listener must not keep callers from their answers
                _log.exception("store.listener_failed")

    async def close(self) -> None:
        """Writes what still waits, then ends the thread and closes the connection."""
        if not self._closed:
            self._flush()
            self._closed = True
            self._inbox.put(None)
        await self._stopped.wait()
        self._thread.join()

    def _flush(self) -> None:
        """On the loop: all queued writes go to the thread at once.

        The thread is woken once, and does not begin with a part of them.
        """
        if self._closed:
            return
        for join in self.flush_listeners:
            try:
                join()
            except Exception:  # noqa: BLE001 - as in `tell`
                _log.exception("store.before_flush_failed")
        self._flushing = False
        if self._outbox:
            self._inbox.put(self._outbox)
            self._outbox = []

    # ------------------------------------------------------------------ on the thread

    def _run(self) -> None:
        try:
            while self._wait():
                self._run_batch()
        except BaseException as error:  # noqa: BLE001 - whatever kills the thread must reach its callers, not hang them
            self._crash = error
        finally:
            self._files.check(fully=True)
            self._files.secure(self._connection, self._clock)
            with suppress(sqlite3.Error):
                self._connection.close()
            self._call(self._end)

    def _wait(self) -> bool:
        """Waits for something to write; false at the end. Where nothing comes for a while, the log is emptied."""
        while not (self._more() or self._ending):
            if self._written:
                self._written = False
                with suppress(Empty):
                    self._take(self._inbox.get(timeout=IDLE_CHECKPOINT_SECONDS))
                    continue
                try:
                    self._written = not self._tx.empty_wal()  # who reads it will have done soon
                except sqlite3.Error:
                    self._written = True
                continue
            self._take(self._inbox.get())
        return bool(self._pending)

    def _more(self) -> bool:
        """Whether something is there to be written now."""
        with suppress(Empty):
            while not (self._pending or self._ending):
                self._take(self._inbox.get_nowait())
        return bool(self._pending)

    def _take(self, writes: list[_Write] | None) -> None:
        if writes is None:
            self._ending = True
        else:
            self._pending.extend(writes)

    def _run_batch(self) -> None:
        """Writes one batch of what is there."""
        batch, closes_at = self._batch, time.monotonic() + BATCH_SECONDS
        self._use_savepoints = False
        self._commit_seconds = None
        try:
            while self._more() and len(batch) < BATCH_OPERATIONS and (not batch or time.monotonic() < closes_at):
                write = self._pending.popleft()
                batch.append(write)
                self._apply(write)
            self._flush_deferred()
        except Exception as error:  # noqa: BLE001 - the transaction is gone, and with it the work of all in it
            self._fail(error)
        signals = self._commit()
        self._batch, self._written = [], True
        self._call(self._answer, batch, signals, self._commit_seconds)

    def _apply(self, write: _Write) -> None:
        """Runs one operation of the batch.

        Without a savepoint, as long as none has failed: two statements less for each of the many that succeed. A
        failure that has written something undoes the batch, and what it held is run again, in a savepoint each.
        """
        tx = self._tx
        if not tx.open:
            tx.begin(self._clock())
        if self._use_savepoints:
            self._apply_in_savepoint(write)
            return
        mark, changes = tx.checkpoint(), tx.changes
        try:
            if write.dry_run:
                self._apply_in_savepoint(write)
            else:
                write.result = write.operation(tx, *write.args, **write.kwargs)
        except Exception as error:
            if not tx.open:
                raise
            if tx.changes == changes:
                tx.discard(mark)
                write.error = self._damage.caller_error(error)
            else:
                self._replay_batch()

    def _flush_deferred(self) -> None:
        """Writes the deferred rows; where that fails, the replay finds the operation at fault."""
        try:
            self._tx.flush_deferred()
        except Exception:
            if not self._tx.open:
                raise
            self._replay_batch()

    def _replay_batch(self) -> None:
        """Undoes the batch and runs it anew, each operation apart."""
        self._use_savepoints = True
        self._tx.restart()
        for write in self._batch:
            self._apply_in_savepoint(write)

    def _apply_in_savepoint(self, write: _Write) -> None:
        """Runs one operation in a savepoint; a failure undoes it alone, and so does its end where it is a dry run."""
        tx = self._tx
        mark = tx.savepoint()
        write.error = None
        try:
            write.result = write.operation(tx, *write.args, **write.kwargs)
            tx.flush_deferred()
        except Exception as error:
            if not tx.open:
                raise
            write.error = self._damage.caller_error(error)
        if write.dry_run or write.error is not None:
            tx.rollback_to(mark)
        else:
            tx.release()

    def _commit(self) -> Sequence[Notification]:
        """Makes the batch durable; nothing to commit is no error."""
        if not self._tx.open:
            return ()
        began = time.perf_counter()
        try:
            self._files.check_before_commit()
            signals = self._tx.commit()
            self._commit_seconds = time.perf_counter() - began
            self._failure = ""
        except Exception as error:  # noqa: BLE001 - as in `_run_batch`
            self._fail(error)
            return ()
        return [self._attach_view(signal) if type(signal) is JobEnded else signal for signal in signals]

    def _attach_view(self, ended: JobEnded) -> JobEnded:
        """The end of a job that somebody waits for, with the job: reading it elsewhere takes two changes of threads."""
        try:
            if self.wants_view(ended.job_id):
                return JobEnded(ended.job_id, ended.state, view_job(self._tx, ended.job_id))
        except Exception:  # noqa: BLE001 - the end is durable: whoever misses the view reads it
            _log.exception("store.view_failed")
        return ended

    def _fail(self, error: Exception) -> None:
        """Every caller of the batch learns that nothing of it was stored; the log, unless it was so before."""
        if repr(error) != self._failure:
            self._failure = repr(error)
            _log.error("store.batch_failed", operations=len(self._batch), error=self._failure)
        with suppress(sqlite3.Error):
            self._tx.rollback()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                self._tx.empty_wal()  # the next batch has its room
        self._files.secure(self._connection, self._clock)
        self._damage.note(error)
        unavailable = error if isinstance(error, StoreUnavailable) else StoreUnavailable(reason=str(error))
        for write in self._batch:
            write.error = unavailable

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *args)

    def _answer(self, batch: list[_Write], signals: Sequence[Notification], took: float | None) -> None:
        """On the loop: signals first, so that whoever goes on finds the process informed."""
        if signals:
            self.publish(signals)
        for watcher in self.batch_listeners:
            watcher(len(batch), took)
        for write in batch:
            if write.future.done():
                continue
            if write.error is None:
                write.future.set_result(write.result)
                continue
            if isinstance(write.error, StoreUnavailable):
                self.trouble_at = time.monotonic()
            write.future.set_exception(write.error)

    def _end(self) -> None:
        """On the loop, as the thread's last call: fails the writes that still wait."""
        if self._crash is not None:
            _log.error("store.writer_died", error=repr(self._crash))
            while not self._inbox.empty():
                self._take(self._inbox.get_nowait())
            waiting, self._outbox = [*self._batch, *self._pending, *self._outbox], []
            for write in waiting:
                write.error = StoreUnavailable(reason=f"its writing thread has died ({self._crash!r})")
            self._answer(waiting, (), None)
        self._stopped.set()
