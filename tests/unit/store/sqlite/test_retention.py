"""What is old goes; nothing that is still needed does."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.store import SqliteHarness, child, event, run, start, trim

from ductile.model.ids import new_id
from ductile.model.writes import Idempotency, NewContext, Skip
from ductile.store.retention import BATCH_ROWS, SLICE_ROWS, Trim, trim_jobs, trim_journal, trim_keys
from ductile.store.sqlite.database import APPLICATION_ID
from ductile.store.sqlite.space import shrink_file, trim_attempts


def trim_all(harness: SqliteHarness, limit: int = 100, *, attempts: bool = True) -> int:
    harness.now += 10
    return harness.do(trim, jobs_before=harness.now, attempts_before=harness.now if attempts else 0, limit=limit)


def sizes(harness: SqliteHarness) -> dict[str, int]:
    tables = ("jobs", "attempts", "events", "skips", "contexts", "idempotency")
    return {name: harness.all(f"SELECT count(*) FROM {name}")[0][0] for name in tables}


def test_an_old_job_goes_with_all_that_is_its_own(harness: SqliteHarness) -> None:
    key = Idempotency(principal="t", method="POST", path="/", key="k", body_hash="b", ttl=5)
    harness.insert(start(idempotency=key))
    job = harness.claim_one("echo").job
    harness.settle(job, events=(event(job_id=job.id),))
    assert trim_all(harness) > 0
    assert set(sizes(harness).values()) == {0}
    assert harness.all("SELECT kind FROM journal") == [("job.ended",)], "the newest row stays: seq must only rise"
    assert trim_all(harness) == 0
    assert harness.all("SELECT count(*) FROM counts") == [(0,)]


def test_attempts_stay_longer_than_their_jobs(harness: SqliteHarness) -> None:
    harness.insert(start())
    harness.settle(harness.claim_one("echo").job)
    trim_all(harness, attempts=False)
    assert (sizes(harness)["jobs"], sizes(harness)["attempts"]) == (0, 1)


def test_what_has_not_ended_stays(harness: SqliteHarness) -> None:
    harness.insert(start())
    harness.insert(run("one", "two"))
    job = harness.claim_one("echo").job
    harness.settle(job)
    harness.settle(harness.claim_one("echo").job)
    before = sizes(harness)
    assert before["jobs"] == 4
    trim_all(harness)
    assert sizes(harness)["jobs"] == 3, "the plain job went; the run is open"
    assert harness.counts_are_true()


def test_a_run_goes_a_slice_at_a_time_and_its_root_last(harness: SqliteHarness) -> None:
    given = event()
    context = NewContext(id=new_id(), parent_id=None, values=b"{}")
    steps = tuple(child(str(n), given.id, context=context if n == 0 else None) for n in range(2 * SLICE_ROWS + 5))
    root = harness.insert(
        run(event=given, event_id=given.id, children=steps, skips=(Skip(step="s", reason="condition"),))
    ).job_id
    for claimed in harness.claim({"echo": len(steps)}).claimed:
        harness.settle(claimed.job)
    for left in (SLICE_ROWS + 6, 6, 1):
        assert trim_all(harness, limit=1, attempts=False) > 0
        assert sizes(harness)["jobs"] == left
        assert harness.state(root) == "succeeded"
        assert harness.counts_are_true()
    while trim_all(harness, limit=1, attempts=False):
        pass
    assert {name: size for name, size in sizes(harness).items() if size} == {"attempts": len(steps)}


@pytest.mark.parametrize("trim_one", [trim_jobs, trim_attempts, trim_journal, trim_keys])
def test_a_batch_of_any_kind_ends_when_it_is_told_that_this_is_enough(harness: SqliteHarness, trim_one: Trim) -> None:
    for n in range(3 * SLICE_ROWS):
        harness.insert(
            start(idempotency=Idempotency(principal="t", method="P", path="/", key=str(n), body_hash="b", ttl=5))
        )
    for claimed in harness.claim({"echo": 3 * SLICE_ROWS}).claimed:
        harness.settle(claimed.job)
    harness.now += 10

    first = harness.do(trim_one, harness.now, lambda: True)
    rest = harness.do(trim_one, harness.now, lambda: False)

    assert 1 <= first <= SLICE_ROWS
    assert rest >= 3 * SLICE_ROWS - first
    assert harness.do(trim_one, harness.now, lambda: False) == 0


def test_a_batch_that_nobody_stops_has_an_end_too(harness: SqliteHarness) -> None:
    harness.connection.execute("BEGIN")
    rows = ((1, "kind") for _ in range(3 * BATCH_ROWS))
    harness.connection.executemany("INSERT INTO journal (at, kind) VALUES (?, ?)", rows)
    harness.connection.execute("COMMIT")

    assert harness.do(trim_journal, harness.now, lambda: False) == BATCH_ROWS


def test_the_file_shrinks_again_a_few_pages_at_a_time(harness: SqliteHarness) -> None:
    def pages() -> int:
        found: int = harness.all("PRAGMA page_count")[0][0]
        return found

    for _ in range(200):
        harness.insert(start(event=event(payload=b'"' + b"x" * 40_000 + b'"')))
    grown = pages()
    harness.connection.execute("DELETE FROM events")

    assert harness.do(shrink_file, lambda: True)
    assert grown - 100 < pages() < grown
    assert not harness.do(shrink_file, lambda: False)
    assert pages() < grown // 2
    assert harness.all("PRAGMA integrity_check") == [("ok",)]


def test_a_file_keeps_some_room_for_what_comes_next(harness: SqliteHarness) -> None:
    for _ in range(5):
        harness.insert(start(event=event(payload=b'"' + b"x" * 40_000 + b'"')))
    harness.connection.execute("DELETE FROM events")
    before = harness.all("PRAGMA page_count")

    assert not harness.do(shrink_file, lambda: False)
    assert harness.all("PRAGMA page_count") == before


def test_a_file_that_cannot_shrink_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.execute("PRAGMA auto_vacuum = NONE")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("CREATE TABLE held (x)")
        old.execute("DROP TABLE held")
    harness = SqliteHarness(tmp_path / "state.db")
    for _ in range(200):
        harness.insert(start(event=event(payload=b'"' + b"x" * 40_000 + b'"')))
    harness.connection.execute("DELETE FROM events")
    before = harness.all("PRAGMA page_count")

    assert not harness.do(shrink_file, lambda: False)
    assert harness.all("PRAGMA page_count") == before
    harness.close()


def test_an_event_stays_while_a_job_that_it_started_does(harness: SqliteHarness) -> None:
    harness.insert(start())
    job = harness.claim_one("echo").job
    emitted = event(job_id=job.id)
    started = replace(start("report"), event=None, event_id=emitted.id, cause_event_id=emitted.id)
    harness.settle(job, events=(emitted, event(job_id=job.id)), starts=(started,))
    trim_all(harness)
    assert harness.all("SELECT id FROM events") == [(emitted.id,)]
    assert harness.claim_one("report").event.id == emitted.id
    harness.settle(replace(job, id=started.id))
    trim_all(harness)
    assert harness.all("SELECT count(*) FROM events") == [(0,)]
