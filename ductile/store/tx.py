"""What a write operation works with: the open transaction of the writing thread."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from ductile.model.clock import Millis
from ductile.model.job import Ended, State
from ductile.model.journal import Kind
from ductile.model.order import Note, Start
from ductile.model.signal import JOURNALLED, Ready, Signal
from ductile.store.queries import QUERIES, of_volume

Hooks = Callable[[Ended], Sequence[Start | Note]]
"""Asked inside the transaction that ends a root: what its lifecycle hooks start, and what is to be noted of them."""

Mark = tuple[int, int, bool]
"""How much had been noted when an operation began: signals, counts, and whether the journal had grown."""

_SAVEPOINT = QUERIES["savepoint"].sql
_KEEP = QUERIES["keep"].sql


class Tx:
    """One batch, as its operations see it. Signals and counts are noted here and go out with the commit."""

    def __init__(self, connection: sqlite3.Connection, hooks: Hooks | None = None) -> None:
        self.hooks = hooks
        self.now: Millis = 0
        """The time of the batch."""
        self._connection = connection
        # One cursor for all: making one a statement costs more than binding its values.
        self._execute = connection.cursor().execute
        self._signals: list[Signal] = []
        self._counts: list[tuple[str, str, str, int]] = []
        self._ready: dict[str, Ready] = {}
        self._journalled = False

    def begin(self, now: Millis) -> None:
        """Opens a batch."""
        self.now = now
        self._journalled = False
        self._signals.clear()
        self._counts.clear()
        self.run("begin")

    def run(self, name: str, **values: Any) -> sqlite3.Cursor:
        """Runs a query of `queries.sql` that returns no rows; the cursor's `rowcount` tells what it changed."""
        query = QUERIES[name]
        return self._execute(query.sql, query.bind(values))

    def volume_run(self, name: str, volume: int, **values: Any) -> sqlite3.Cursor:
        """As `run`, on a full volume of the full text."""
        query = of_volume(name, volume)
        return self._execute(query.sql, query.bind(values))

    def all(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        query = QUERIES[name]
        return self._execute(query.sql, query.bind(values)).fetchall()

    def one(self, name: str, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a query. All are fetched: a statement left open would keep the batch from its commit."""
        rows = self.all(name, **values)
        return rows[0] if rows else None

    def signal(self, signal: Signal) -> None:
        """Tells the process something once the batch is committed."""
        self._signals.append(signal)

    def ready(self, lane: str) -> None:
        """Tells the process that a lane has a job that may be claimed."""
        signal = self._ready.get(lane)
        if signal is None:
            signal = self._ready[lane] = Ready(lane)
        self._signals.append(signal)

    def count(self, plugin: str, command: str, state: State, n: int) -> None:
        """Adds to how many jobs of a command stand in a state."""
        self._counts.append((plugin, command, state, n))

    def moved(self, plugin: str, command: str, before: State, after: State) -> None:
        """Counts a job over from one state to another."""
        self._counts.append((plugin, command, before, -1))
        self._counts.append((plugin, command, after, 1))

    def journal(self, kind: Kind, job_id: str | None = None, data: Mapping[str, Any] | None = None) -> None:
        """Writes a row of the journal: ids, never payloads."""
        encoded = orjson.dumps(data) if data is not None else None
        self.run("add_journal", at=self.now, kind=kind.value, job_id=job_id, data=encoded)
        self._journalled = True

    def savepoint(self) -> Mark:
        """Begins an operation of its own inside the batch."""
        self._execute(_SAVEPOINT)
        return self.mark()

    def mark(self) -> Mark:
        """How much has been noted so far."""
        return len(self._signals), len(self._counts), self._journalled

    @property
    def changes(self) -> int:
        """Rows changed since the connection was opened; equal numbers mean that nothing was written between."""
        return self._connection.total_changes

    def keep(self) -> None:
        """Ends an operation, keeping what it wrote."""
        self._execute(_KEEP)

    def undo(self, mark: Mark) -> None:
        """Ends an operation, dropping what it wrote and noted."""
        self._execute(QUERIES["undo"].sql)
        self._execute(_KEEP)
        self.forget(mark)

    def forget(self, mark: Mark) -> None:
        """Drops what was noted since the mark."""
        del self._signals[mark[0] :]
        del self._counts[mark[1] :]
        self._journalled = mark[2]

    def commit(self) -> tuple[Signal, ...]:
        """Writes the counts and commits; returns the signals in order, of equal ones the last."""
        if self._counts:
            totals: Counter[tuple[str, str, str]] = Counter()
            for plugin, command, state, n in self._counts:
                totals[plugin, command, state] += n
            rows = [(*key, n) for key, n in totals.items() if n]
            self._connection.executemany(QUERIES["add_count"].sql, rows)
        self.run("commit")
        if self._journalled:
            self._signals.append(JOURNALLED)
        return tuple(reversed(dict.fromkeys(reversed(self._signals))))

    def empty_wal(self) -> None:
        """Between batches: brings the write-ahead log into the database and gives its room back, if nobody reads."""
        self.run("never_wait").fetchall()
        self.run("empty_wal").fetchall()
        self.run("wait_again").fetchall()

    def restart(self) -> None:
        """Undoes the batch so far and opens it anew, at the same time."""
        self.rollback()
        self.run("begin")

    def rollback(self) -> None:
        """Undoes the whole batch, if it is still open."""
        self.forget((0, 0, False))
        if self._connection.in_transaction:
            self.run("rollback")

    @property
    def open(self) -> bool:
        """Whether the transaction still stands; some errors end it."""
        return self._connection.in_transaction
