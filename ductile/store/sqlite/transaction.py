"""The open transaction of the writing thread, as operations use it.

Rows whose result no operation needs are deferred: all deferred rows of one query are written by one statement. Each
statement gives up the interpreter lock, and has to win the lock back from a busy event loop.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import orjson

from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.model.journal import EntryKind
from ductile.model.notification import JOURNAL_GREW, LaneReady, Notification
from ductile.store.contract import Hooks
from ductile.store.errors import Stale
from ductile.store.sqlite.queries import QUERIES, multi_row_sql, segment_query

Checkpoint = tuple[int, int, bool]
"""What was noted before an operation: how many notifications and counts, and whether the journal had grown."""

MAX_STATEMENT_ROWS = 32
"""Rows of one statement at most. A number of rows is split into powers of two, so that few statements are prepared."""

_SAVEPOINT = QUERIES["savepoint"].sql
_RELEASE = QUERIES["release_savepoint"].sql


class SqliteTransaction:
    """One batch, as its operations see it. Notifications and counts are noted, and go out with the commit."""

    def __init__(self, connection: sqlite3.Connection, hooks: Hooks | None = None, owner: str = "") -> None:
        self.hooks = hooks
        self.owner = owner
        self.now: Millis = 0
        """The time of the batch."""
        self._connection = connection
        # One cursor for all: making one a statement costs more than binding its values.
        self._execute = connection.cursor().execute
        self._signals: list[Notification] = []
        self._counts: list[tuple[str, str, str, int]] = []
        self._deferred: list[tuple[str, tuple[Any, ...]]] = []
        self._deferred_before = 0
        """The number of deferred rows before the operation at work."""
        self._flush_attempts = 0
        self._foreign_changes = 0
        """Changes by flushed rows of earlier operations."""
        self._ready_lanes: dict[str, LaneReady] = {}
        self._journalled = False

    def begin(self, now: Millis) -> None:
        """Opens a batch."""
        self.now = now
        self._journalled = False
        self._signals.clear()
        self._counts.clear()
        self._deferred.clear()
        self.execute("begin")

    def execute(self, name: str, **values: Any) -> int:
        """Runs a query of `sql/*.sql` that returns no rows; returns how many rows it changed."""
        if self._deferred:
            self.flush_deferred()
        query = QUERIES[name]
        return self._execute(query.sql, query.bind(values)).rowcount

    def execute_on_segment(self, name: str, segment: int, **values: Any) -> int:
        """As `execute`, on a closed segment of the full-text index."""
        if self._deferred:
            self.flush_deferred()
        query = segment_query(name, segment)
        return self._execute(query.sql, query.bind(values)).rowcount

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        if self._deferred:
            self.flush_deferred()
        query = QUERIES[name]
        return self._execute(query.sql, query.bind(values)).fetchall()

    def row(self, name: str, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a query. All are fetched: a statement left open would keep the batch from its commit."""
        rows = self.rows(name, **values)
        return rows[0] if rows else None

    def insert_deferred(self, name: str, **values: Any) -> None:
        """Writes a row by a `rows` query, ahead of the next other statement, at the latest with the commit.

        A row that is not written raises `Stale` there.
        """
        self._deferred.append((name, QUERIES[name].bind(values)))

    def flush_deferred(self) -> None:
        """Writes the deferred rows. Raises `Stale` where a row is not written; the batch is to be undone then."""
        if not self._deferred:
            return
        behind, self._deferred = self._deferred, []
        own, self._deferred_before = len(behind) > self._deferred_before, 0
        before = self._connection.total_changes
        self._flush_attempts += 1
        ways: dict[str, list[tuple[Any, ...]]] = {}
        for name, row in behind:
            ways.setdefault(name, []).append(row)
        for name, rows in ways.items():
            self._write(name, rows)
        if not own:
            self._flush_attempts -= 1
            self._foreign_changes += self._connection.total_changes - before

    def _write(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        at = 0
        while left := len(rows) - at:
            n = min(MAX_STATEMENT_ROWS, 1 << (left.bit_length() - 1))
            before = self._connection.total_changes
            self._execute(multi_row_sql(name, n), tuple(chain(*rows[at : at + n])))
            if self._connection.total_changes - before != n:
                raise Stale(what=name)
            at += n

    def notify(self, signal: Notification) -> None:
        """Tells the process something once the batch is committed."""
        self._signals.append(signal)

    def notify_ready(self, lane: str) -> None:
        """Tells the process that a lane has a job that may be claimed."""
        signal = self._ready_lanes.get(lane)
        if signal is None:
            signal = self._ready_lanes[lane] = LaneReady(lane)
        self._signals.append(signal)

    def count_jobs(self, plugin: str, command: str, state: State, n: int) -> None:
        """Adds to how many jobs of a command stand in a state."""
        self._counts.append((plugin, command, state, n))

    def count_transition(self, plugin: str, command: str, before: State, after: State) -> None:
        """Counts a job over from one state to another."""
        self._counts.append((plugin, command, before, -1))
        self._counts.append((plugin, command, after, 1))

    def journal(self, kind: EntryKind, job_id: str | None = None, data: Mapping[str, Any] | None = None) -> None:
        """Writes a row of the journal: ids, never payloads."""
        encoded = orjson.dumps(data) if data is not None else None
        self.insert_deferred("insert_entry", at=self.now, kind=kind.value, job_id=job_id, data=encoded)
        self._journalled = True

    def savepoint(self) -> Checkpoint:
        """Begins an operation of its own inside the batch."""
        self.flush_deferred()
        self._execute(_SAVEPOINT)
        return self.checkpoint()

    def checkpoint(self) -> Checkpoint:
        """Begins an operation: how much has been noted so far."""
        self._deferred_before = len(self._deferred)
        return len(self._signals), len(self._counts), self._journalled

    @property
    def changes(self) -> int:
        """Grows with what an operation writes; equal numbers mean that nothing of its own was, or was tried to be."""
        return self._connection.total_changes - self._foreign_changes + self._flush_attempts

    def release(self) -> None:
        """Ends an operation, keeping what it wrote."""
        self._execute(_RELEASE)

    def rollback_to(self, mark: Checkpoint) -> None:
        """Ends an operation, dropping what it wrote and noted."""
        self.discard(mark)
        self._execute(QUERIES["rollback_to_savepoint"].sql)
        self._execute(_RELEASE)

    def discard(self, mark: Checkpoint) -> None:
        """Drops what the operation has noted since its mark."""
        del self._signals[mark[0] :]
        del self._counts[mark[1] :]
        del self._deferred[self._deferred_before :]
        self._journalled = mark[2]

    def commit(self) -> tuple[Notification, ...]:
        """Writes the counts and commits; returns the signals in order, of equal ones the last.

        Deferred rows are flushed before: their failure is that of an operation, not of the batch.
        """
        if self._counts:
            totals: Counter[tuple[str, str, str]] = Counter()
            for plugin, command, state, n in self._counts:
                totals[plugin, command, state] += n
            self._write("add_count", [(*key, n) for key, n in totals.items() if n])
        self.execute("commit")
        if self._journalled:
            self._signals.append(JOURNAL_GREW)
        return tuple(reversed(dict.fromkeys(reversed(self._signals))))

    def empty_wal(self) -> bool:
        """Between batches: writes the write-ahead log back into the database and truncates the log.

        False: a reader still needs the log.
        """
        self.rows("disable_busy_timeout")
        try:
            ((busy, _pages, _written),) = self.rows("empty_wal")
        finally:
            self.rows("restore_busy_timeout")
        return not busy

    def restart(self) -> None:
        """Undoes the batch so far and opens it anew, at the same time."""
        self.rollback()
        self.execute("begin")

    def rollback(self) -> None:
        """Undoes the whole batch, if it is still open."""
        self._deferred_before = 0
        self.discard((0, 0, False))
        if self._connection.in_transaction:
            self.execute("rollback")

    @property
    def open(self) -> bool:
        """Whether the transaction still stands; some errors end it."""
        return self._connection.in_transaction
