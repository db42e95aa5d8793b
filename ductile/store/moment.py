"""Connections that cannot write, and one moment of the database as they see it."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from ductile.store.damage import Damage
from ductile.store.errors import StoreClosed, StoreUnavailable
from ductile.store.queries import QUERIES, Query, of_volume
from ductile.store.rows import Row

CONNECTIONS = 3

_T = TypeVar("_T")


class Moment:
    """One moment of the database, for who works on the thread of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        # One cursor for all, whose rows are fetched before it is used again.
        self._execute = connection.cursor().execute

    def all(self, name: str, **values: Any) -> list[Row]:
        """Every row of a query."""
        return self._rows(QUERIES[name], values)

    def volume_all(self, name: str, volume: int | None, **values: Any) -> list[Row]:
        """As `all`, on a full volume of the full text; None is the open one."""
        return self._rows(QUERIES[name] if volume is None else of_volume(name, volume), values)

    def one(self, name: str, **values: Any) -> Row | None:
        """The first row of a query."""
        rows = self.all(name, **values)
        return rows[0] if rows else None

    def _rows(self, query: Query, values: Mapping[str, Any]) -> list[Row]:
        return self._execute(query.sql, query.bind(values)).fetchall()


class _Connection(aiosqlite.Connection):
    """A connection with its thread. All queries of a moment run there together: each change of threads costs more."""

    async def read(self, ask: Callable[[Moment], _T]) -> _T:
        """What is read in one moment."""
        found: list[_T] = []
        # The thread keeps what a call returns until its next one: nothing, rather than what was read.
        await self._execute(lambda: found.append(_ask(self._conn, ask)))  # type: ignore[no-untyped-call]
        return found.pop()


def _ask(connection: sqlite3.Connection, ask: Callable[[Moment], _T]) -> _T:
    moment = Moment(connection)
    moment.all("begin_read")
    try:
        return ask(moment)
    finally:
        connection.rollback()


class Pool:
    """At most `CONNECTIONS` connections, opened as they are needed."""

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
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._closed = False

    async def read(self, ask: Callable[[Moment], _T]) -> _T:
        """What is read in one moment; `ask` runs on a thread of its own. Raises StoreUnavailable, StoreClosed."""
        async with self._slots:
            if self._closed:
                raise StoreClosed
            try:
                connection = self._free.pop() if self._free else await self._open()
                return await self._read_on(connection, ask)
            except sqlite3.Error as error:
                self._damage.note(error)
                raise StoreUnavailable(reason=error) from error

    async def _read_on(self, connection: _Connection, ask: Callable[[Moment], _T]) -> _T:
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
        opening = asyncio.create_task(self._opened())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if opening.exception() is None:
                self._free.append(opening.result())
            raise

    async def _opened(self) -> _Connection:
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
        for _ in range(CONNECTIONS):
            await self._slots.acquire()
        await self.renew()
        for _ in range(CONNECTIONS):
            self._slots.release()
