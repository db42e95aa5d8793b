"""Which errors of SQLite speak of a damaged file, and how a check of all pages finds one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ductile.store.errors import StoreUnavailable
from ductile.store.sqlite.damage import Damage, find_damage


def failure(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("told by SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_CORRUPT_VTAB,
    ],
)
def test_errors_of_the_file_or_the_disk_are_kept(code: int) -> None:
    noted: list[str] = []
    damage = Damage()
    damage.on_note = lambda: noted.append("noted")
    assert isinstance(damage.caller_error(failure(code)), StoreUnavailable)
    assert damage.reason == "told by SQLite"
    assert noted == ["noted"]


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CANTOPEN]
)
def test_want_of_room_or_of_a_turn_is_no_damage(code: int) -> None:
    damage = Damage()
    damage.note(failure(code))
    damage.note(ZeroDivisionError())
    assert damage.reason is None


def test_a_check_of_all_pages_finds_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)
        connection.commit()
    assert find_damage(path) is None
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    assert find_damage(path)
