"""Opens the state database: private to its owner, migrated, and refused with a reason where it is not ours."""

import os
import sqlite3
from importlib.resources import files
from pathlib import Path

import structlog

from ductile.store.errors import (
    CorruptDatabase,
    DatabaseTooNew,
    ForeignDatabase,
    NotADatabase,
    StateUnreachable,
    StoreError,
)
from ductile.store.sqlite.disk_reserve import release_reserve
from ductile.store.sqlite.queries import QUERIES

log = structlog.get_logger(__name__)

APPLICATION_ID = 1148543860
"""`Duct` in the header of a database that is ours."""

CACHED_STATEMENTS = 512
"""Statements that stay compiled: all that there are, those for many rows in each size."""

_PRIVATE_MODE = 0o600


def migrations() -> dict[int, str]:
    """Version → script, oldest first. Each is one transaction that sets `user_version` to its number."""
    folder = files("ductile.store.sqlite").joinpath("migrations")
    found = {int(file.name[:4]): file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    return dict(sorted(found.items()))


def open_database(path: Path) -> sqlite3.Connection:
    """The writing connection, to a database of the newest schema. Blocking. Raises a kind of `StoreError`.

    On a full disk the reserve makes room for it.
    """
    try:
        return _open(path)
    except StateUnreachable as error:
        if not release_reserve(path):
            raise
        log.warning("store.reserve_used", reason=error.message)
    return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_private(path)
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
        )
    except (OSError, sqlite3.OperationalError) as error:
        raise StateUnreachable(path=path, reason=error) from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _explain(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Creates the file before SQLite does, which gives its own files (-wal, -shm) the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_MODE)
    try:
        os.fchmod(descriptor, _PRIVATE_MODE)
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application, version, objects = connection.execute(QUERIES["identify"].sql).fetchone()
    scripts = migrations()
    if objects and application != APPLICATION_ID:
        raise ForeignDatabase(path=path)
    if version > max(scripts):
        raise DatabaseTooNew(path=path, found=version, known=max(scripts))
    connection.executescript(QUERIES["configure_writer"].sql)
    for number, script in scripts.items():
        if number > version:
            connection.executescript(script)


def _explain(path: Path, error: sqlite3.Error) -> StoreError:
    match error.sqlite_errorcode:
        case sqlite3.SQLITE_NOTADB:
            return NotADatabase(path=path)
        case sqlite3.SQLITE_CORRUPT:
            return CorruptDatabase(path=path, reason=error)
        case _:
            return StateUnreachable(path=path, reason=error)
