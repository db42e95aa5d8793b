"""Opening the database: private, migrated, and refused with a reason."""

import os
import re
import sqlite3
import stat
from importlib.resources import files
from pathlib import Path

import pytest
from support.store import SqliteHarness, start

from ductile.store.errors import (
    CorruptDatabase,
    DatabaseTooNew,
    ForeignDatabase,
    NotADatabase,
    StateUnreachable,
    StoreError,
)
from ductile.store.sqlite.database import migrations, open_database


def schema(connection: sqlite3.Connection) -> set[tuple[str, str, str, str]]:
    rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
    # SQLite writes a column that was added as `… , name TYPE)`.
    return {(kind, name, table, re.sub(r"\s*([(),])\s*|\s+", r"\1 ", sql)) for kind, name, table, sql in rows}


def test_all_migrations_together_give_exactly_the_schema(tmp_path: Path) -> None:
    migrated = open_database(tmp_path / "state.db")
    written = sqlite3.connect(":memory:")
    written.executescript(files("ductile.store.sqlite").joinpath("schema.sql").read_text())
    assert schema(migrated) == schema(written)
    (version,) = migrated.execute("PRAGMA user_version").fetchone()
    assert version == max(migrations())
    migrated.close()
    written.close()


def test_every_migration_is_one_transaction_that_sets_its_number() -> None:
    for number, script in migrations().items():
        assert f"PRAGMA user_version = {number};" in script
        assert script.count("BEGIN IMMEDIATE;") == script.count("COMMIT;") == 1


def test_opening_again_keeps_what_stands(tmp_path: Path) -> None:
    harness = SqliteHarness(tmp_path / "state.db")
    job_id = harness.insert(start()).job_id
    harness.close()
    harness.open()
    assert harness.state(job_id) == "queued"
    harness.close()


def test_the_writer_commits_durably(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "state.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(mode=0o644)
    before = os.umask(0)
    try:
        harness = SqliteHarness(path)
        harness.insert(start())
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        harness.close()
    finally:
        os.umask(before)
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "state.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(DatabaseTooNew, match="schema version 999"):
        open_database(tmp_path / "state.db")


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("these are notes, not jobs\n" * 100)
    with pytest.raises(NotADatabase, match=r"state\.path"):
        open_database(path)
    assert path.read_text().startswith("these are notes")


def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE job_queue (id TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ForeignDatabase, match="another program"):
        open_database(path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = open_database(path)
    connection.close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    with pytest.raises(CorruptDatabase, match=r"\.recover"):
        open_database(path)


def test_a_path_that_is_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateUnreachable):
        open_database(tmp_path)


def test_a_kill_in_the_middle_of_a_migration_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    half = {1: "BEGIN IMMEDIATE; CREATE TABLE half (id TEXT); PRAGMA user_version = 1; SELECT * FROM nowhere; COMMIT;"}
    with monkeypatch.context() as patch:
        patch.setattr("ductile.store.sqlite.database.migrations", lambda: half)
        with pytest.raises(StoreError):
            open_database(path)
    connection = open_database(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()
