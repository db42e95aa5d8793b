"""Rows that are written behind: together, in time, and nobody pays for another's."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable

import pytest
from support.store import SqliteHarness, settlement, start

from ductile.model.job import ClaimedJob, State
from ductile.model.journal import EntryKind
from ductile.store.cancel import cancel
from ductile.store.errors import Stale, UnknownJob
from ductile.store.meta import set_meta
from ductile.store.settle import settle
from ductile.store.sqlite.store import SqliteStore
from ductile.store.sqlite.transaction import MAX_STATEMENT_ROWS, SqliteTransaction
from ductile.store.start import insert_start


def note(tx: SqliteTransaction, n: int) -> None:
    for number in range(n):
        tx.journal(EntryKind.JOB_STARTED, f"j{number}")


def noted(harness: SqliteHarness) -> list[str]:
    return [job_id for (job_id,) in harness.all("SELECT job_id FROM journal ORDER BY seq")]


async def together(store: SqliteStore, *operations: Callable[[SqliteTransaction], object]) -> list[object]:
    """The answers to operations that are written in one batch."""
    gate = threading.Event()
    first = store.write(lambda _tx: gate.wait(10))
    await asyncio.sleep(0)  # the thread has it, and waits
    await asyncio.sleep(0)
    rest = [store.write(operation) for operation in operations]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.set()
    return (await asyncio.gather(first, *rest, return_exceptions=True))[1:]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ductile.store.sqlite.writer.BATCH_SECONDS", 60)


@pytest.mark.parametrize("n", [1, 2, 3, MAX_STATEMENT_ROWS, MAX_STATEMENT_ROWS + 1, 3 * MAX_STATEMENT_ROWS + 7])
def test_any_number_of_rows_is_written_in_order(harness: SqliteHarness, n: int) -> None:
    harness.do(note, n)
    assert noted(harness) == [f"j{number}" for number in range(n)]


def test_rows_of_a_kind_take_one_statement_for_each_power_of_two(harness: SqliteHarness) -> None:
    told: list[str] = []
    harness.connection.set_trace_callback(told.append)
    harness.do(note, MAX_STATEMENT_ROWS + 5)
    assert [line.count("job.started") for line in told if "INTO journal" in line] == [32, 4, 1]


def test_whoever_reads_finds_what_stands_behind(harness: SqliteHarness) -> None:
    def write_and_read(tx: SqliteTransaction) -> object:
        accepted = insert_start(tx, start())
        return accepted.job_id, tx.rows("job_state", id=accepted.job_id)

    job_id, found = harness.do(write_and_read)  # type: ignore[misc]  # a pair
    assert found == [("queued",)]
    assert harness.state(job_id) == "queued"


def test_an_undone_operation_leaves_nothing_behind(harness: SqliteHarness) -> None:
    def half(tx: SqliteTransaction) -> None:
        note(tx, 1)
        mark = tx.savepoint()
        note(tx, 3)
        tx.rollback_to(mark)

    harness.do(half)
    assert noted(harness) == ["j0"]


def test_a_row_that_changes_nothing_is_stale(harness: SqliteHarness) -> None:
    def finish(tx: SqliteTransaction) -> None:
        tx.insert_deferred("finish_attempt", id="no such job", attempt=1, state="succeeded", now=tx.now, lost=0)

    with pytest.raises(Stale, match="finish_attempt"):
        harness.do(finish)


async def _claimed(store: SqliteStore, jobs: int) -> list[ClaimedJob]:
    for _ in range(jobs):
        await store.submit(start())
    claims = await store.claim({"echo": jobs}, jobs, lambda _job: None)
    return list(claims.claimed)


async def test_a_late_result_fails_its_caller_alone(store: SqliteStore) -> None:
    first, late, last = await _claimed(store, 3)
    await store.settle(settlement(late.job, State.FAILED))
    answers = await together(
        store,
        lambda tx: settle(tx, settlement(first.job)),
        lambda tx: settle(tx, settlement(late.job)),
        lambda tx: set_meta(tx, "k", "v"),
        lambda tx: settle(tx, settlement(last.job)),
    )
    assert [type(answer) for answer in answers] == [type(None), Stale, type(None), type(None)]
    states = [(await store.job(one.job.id)) for one in (first, late, last)]
    assert [view.state for view in states if view] == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED]
    assert await store.meta("k") == "v"


async def test_the_last_of_a_batch_that_cannot_be_written_fails_alone(store: SqliteStore) -> None:
    order = start()
    answers = await together(
        store, lambda tx: insert_start(tx, order), lambda tx: note(tx, 2), lambda tx: insert_start(tx, order)
    )
    assert answers[1] is None
    assert isinstance(answers[2], sqlite3.IntegrityError)
    assert getattr(answers[0], "job_id", None) == order.id
    assert sum((await store.depth()).values()) == 1


async def test_a_failure_with_nothing_written_takes_its_own_rows_alone(store: SqliteStore) -> None:
    def fail(tx: SqliteTransaction) -> None:
        insert_start(tx, start())
        raise ZeroDivisionError

    good = start()
    answers = await together(store, lambda tx: insert_start(tx, good), fail, lambda tx: insert_start(tx, start()))
    assert isinstance(answers[1], ZeroDivisionError)
    assert sum((await store.depth()).values()) == 2
    assert (await store.job(good.id)) is not None


async def test_a_refusal_that_has_only_looked_repeats_nobodys_work(store: SqliteStore) -> None:
    worked: list[str] = []

    def insert(tx: SqliteTransaction) -> None:
        worked.append(insert_start(tx, start()).job_id)

    def look_and_refuse(tx: SqliteTransaction) -> None:
        cancel(tx, "nobody")

    answers = await together(store, insert, look_and_refuse, insert)
    assert [type(answer) for answer in answers] == [type(None), UnknownJob, type(None)]
    assert len(worked) == 2
    assert sum((await store.depth()).values()) == 2


async def test_what_an_operation_adds_behind_its_look_goes_with_its_failure(store: SqliteStore) -> None:
    def look_add_and_fail(tx: SqliteTransaction) -> None:
        assert tx.row("job", id="nobody") is None
        note(tx, 3)
        raise ZeroDivisionError

    answers = await together(store, lambda tx: note(tx, 2), look_add_and_fail, lambda tx: note(tx, 1))
    assert isinstance(answers[1], ZeroDivisionError)
    assert len(await store.journal_after(0, 100)) == 3


async def test_a_rehearsal_behind_a_row_that_fails_is_still_answered(store: SqliteStore) -> None:
    order = start()
    await store.submit(order)
    gate = threading.Event()
    first = store.write(lambda _tx: gate.wait(10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    twice = store.submit(order)
    tried = store.submit(start(), dry_run=True)
    gate.set()
    _, error, answer = await asyncio.gather(first, twice, tried, return_exceptions=True)
    assert isinstance(error, sqlite3.IntegrityError)
    assert getattr(answer, "status", None) is State.QUEUED
    assert sum((await store.depth()).values()) == 1


async def test_what_joins_is_written_with_what_was_asked_for(store: SqliteStore) -> None:
    sizes: list[int] = []
    store.on_batch(lambda operations, _commit_seconds: sizes.append(operations))
    joined: list[asyncio.Future[None]] = []
    store.before_flush(lambda: joined or joined.append(store.write(set_meta, "b", "2")))
    await store.write(set_meta, "a", "1")
    await joined[0]
    assert sizes == [2]
    store.flush_soon()
