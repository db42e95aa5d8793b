"""Connections that cannot write, and one moment of the database as they see it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from ductile.store.errors import StoreClosed, StoreUnavailable
from ductile.store.queries import QUERIES, Query, of_volume
from ductile.store.rows import Row

CONNECTIONS = 3


class Moment:
    """One moment of the database."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def all(self, name: str, **values: Any) -> list[Row]:
        """Every row of a query."""
        return await self._rows(QUERIES[name], values)

    async def volume_all(self, name: str, volume: int | None, **values: Any) -> list[Row]:
        """As `all`, on a full volume of the full text; None is the open one."""
        return await self._rows(QUERIES[name] if volume is None else of_volume(name, volume), values)

    async def one(self, name: str, **values: Any) -> Row | None:
        """The first row of a query."""
        rows = await self.all(name, **values)
        return rows[0] if rows else None

    async def _rows(self, query: Query, values: Mapping[str, Any]) -> list[Row]:
        rows: Iterable[Any] = await self._connection.execute_fetchall(query.sql, query.bind(values))
        return list(rows)


class Pool:
    """At most `CONNECTIONS` connections, opened as they are needed."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._free: list[aiosqlite.Connection] = []
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._closed = False

    @asynccontextmanager
    async def moment(self, *, queries: int) -> AsyncIterator[Moment]:
        """A moment to read with so many queries; one alone needs no transaction to be consistent."""
        async with self._slots:
            if self._closed:
                raise StoreClosed
            connection: aiosqlite.Connection | None = None
            try:
                connection = self._free.pop() if self._free else await self._open()
                if queries > 1:
                    await connection.execute_fetchall(QUERIES["begin_read"].sql)
                yield Moment(connection)
            except sqlite3.Error as error:
                raise StoreUnavailable(reason=error) from error
            finally:
                if connection is not None:
                    self._free.append(connection)
                    if queries > 1:
                        await connection.rollback()

    async def _open(self) -> aiosqlite.Connection:
        """A new connection. One whose reader is cancelled meanwhile is free for the next: its thread is its own."""
        opening = asyncio.create_task(self._connect())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if opening.exception() is None:
                self._free.append(opening.result())
            raise

    async def _connect(self) -> aiosqlite.Connection:
        return await aiosqlite.connect(self._uri, uri=True, isolation_level=None)

    async def close(self) -> None:
        """Ends every connection and its thread, once the reads under way are done."""
        self._closed = True
        for _ in range(CONNECTIONS):
            await self._slots.acquire()
        while self._free:
            await self._free.pop().close()
        for _ in range(CONNECTIONS):
            self._slots.release()
