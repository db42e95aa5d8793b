"""What SQLite says of a database that it cannot read or write as it should."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ductile.store.errors import StoreUnavailable
from ductile.store.sqlite.queries import QUERIES

DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})
"""Primary result codes that speak of the file or the disk, not of the query: https://sqlite.org/rescode.html."""

FULL_DISK_CODES = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""Extended codes of a file that cannot grow: nothing is damaged, and the next commit tells whether it can again."""

_PRIMARY_BITS = 0xFF
"""The bits of an extended result code that are its primary one."""


class Damage:
    """The last such error, until a check of the whole database finds nothing. Any thread may note one."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.on_note: Callable[[], object] = lambda: None
        """Called where an error is noted, on the thread that has met it."""

    def note(self, error: Exception) -> None:
        """Keeps the error if it speaks of damage."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & _PRIMARY_BITS in DAMAGE_CODES and code not in FULL_DISK_CODES:
            self.reason = str(error)
            self.on_note()

    def caller_error(self, error: Exception) -> Exception:
        """The error for the caller: `StoreUnavailable` where SQLite could not work, else the operation's own error."""
        trouble = isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
        if not trouble:
            return error
        self.note(error)
        return StoreUnavailable(reason=str(error))


def find_damage(path: Path) -> str | None:
    """Reads the whole database with a new connection; what is wrong with it, None for nothing. Blocking."""
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            ((found,),) = connection.execute(QUERIES["find_damage"].sql).fetchall()
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else " ".join(str(found).split())
