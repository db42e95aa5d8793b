"""Read-only connections, and read transactions on them."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from ductile.store.errors import StoreClosed, StoreUnavailable
from ductile.store.sqlite.damage import Damage
from ductile.store.sqlite.queries import QUERIES, Query, segment_query
from ductile.store.transaction import Row

MAX_CONNECTIONS = 3

_T = TypeVar("_T")


class ReadTransaction:
    """A read transaction: it sees one state of the database. Used on the thread of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        # One cursor for all, whose rows are fetched before it is used again.
        self._execute = connection.cursor().execute

    def rows(self, name: str, **values: Any) -> list[Row]:
        """Every row of a query."""
        return self._fetch(QUERIES[name], values)

    def rows_on_segment(self, name: str, segment: int | None, **values: Any) -> list[Row]:
        """As `rows`, on a closed segment of the full-text index; None is the open one."""
        return self._fetch(QUERIES[name] if segment is None else segment_query(name, segment), values)

    def row(self, name: str, **values: Any) -> Row | None:
        """The first row of a query."""
        rows = self.rows(name, **values)
        return rows[0] if rows else None

    def _fetch(self, query: Query, values: Mapping[str, Any]) -> list[Row]:
        return self._execute(query.sql, query.bind(values)).fetchall()


class _Connection(aiosqlite.Connection):
    """A connection with its thread. A transaction runs all its queries there: each change of threads costs time."""

    async def read(self, ask: Callable[[ReadTransaction], _T]) -> _T:
        """The result of `ask`, which reads in one transaction."""
        found: list[_T] = []
        # The thread keeps what a call returns until its next one: nothing, rather than what was read.
        await self._execute(lambda: found.append(_read_in_transaction(self._conn, ask)))  # type: ignore[no-untyped-call]
        return found.pop()


def _read_in_transaction(connection: sqlite3.Connection, ask: Callable[[ReadTransaction], _T]) -> _T:
    reads = ReadTransaction(connection)
    reads.rows("begin_read")
    try:
        return ask(reads)
    finally:
        connection.rollback()


class ReadPool:
    """At most `MAX_CONNECTIONS` connections, opened as they are needed."""

    def __init__(
        self,
        path: Path,
        *,
        damage: Damage | None = None,
        lost: Callable[[], StoreUnavailable | None] = lambda: None,
    ) -> None:
        self._damage = damage or Damage()
        self._lost = lost
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._free: deque[_Connection] = deque()
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._closed = False

    async def read(self, ask: Callable[[ReadTransaction], _T]) -> _T:
        """The result of `ask`, run in one transaction on another thread. Raises StoreUnavailable, StoreClosed."""
        async with self._slots:
            if self._closed:
                raise StoreClosed
            try:
                connection = self._free.pop() if self._free else await self._open()
                return await self._read_on(connection, ask)
            except sqlite3.Error as error:
                self._damage.note(error)
                raise StoreUnavailable(reason=error) from error

    async def _read_on(self, connection: _Connection, ask: Callable[[ReadTransaction], _T]) -> _T:
        give_back = self._free.append
        try:
            return await connection.read(ask)
        except asyncio.CancelledError:
            give_back = self._free.appendleft  # it is still at work, so the last to be taken
            raise
        finally:
            give_back(connection)

    async def _open(self) -> _Connection:
        """A new connection. One whose reader is cancelled meanwhile is free for the next: its thread is its own."""
        opening = asyncio.create_task(self._connect())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if opening.exception() is None:
                self._free.append(opening.result())
            raise

    async def _connect(self) -> _Connection:
        lost = self._lost()
        if lost is not None:  # another file may stand at the path
            raise lost
        connect = partial(sqlite3.connect, self._uri, uri=True, isolation_level=None)
        connection = _Connection(connect, iter_chunk_size=1)
        await connection
        return connection

    async def renew(self) -> None:
        """Ends the connections that nobody uses: what they have in memory may be what a damaged file held."""
        while self._free:
            await self._free.pop().close()

    async def close(self) -> None:
        """Ends every connection and its thread, once the reads under way are done."""
        self._closed = True
        for _ in range(MAX_CONNECTIONS):
            await self._slots.acquire()
        await self.renew()
        for _ in range(MAX_CONNECTIONS):
            self._slots.release()
