"""Group commit: many callers, one transaction, and nobody's fault is another's."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.store import SqliteHarness, start

from ductile.model.job import State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobEnded, LaneReady, Notification
from ductile.store.errors import StoreClosed, StoreUnavailable
from ductile.store.meta import journal, set_meta
from ductile.store.sqlite.store import SqliteStore
from ductile.store.sqlite.transaction import SqliteTransaction
from ductile.store.sqlite.writer import BATCH_OPERATIONS
from ductile.store.start import insert_start
from ductile.store.transaction import Row


def hold_the_thread() -> tuple[threading.Event, Callable[[SqliteTransaction], None]]:
    """An operation that keeps the writer busy, so that what is written meanwhile makes one batch."""
    gate = threading.Event()

    def wait(_tx: SqliteTransaction) -> None:
        assert gate.wait(10)

    return gate, wait


async def batch(store: SqliteStore, *operations: Callable[[SqliteTransaction], object]) -> list[object]:
    """The answers to operations that are committed together."""
    gate, wait = hold_the_thread()
    first = asyncio.ensure_future(store.write(wait))
    await asyncio.sleep(0)
    rest = [asyncio.ensure_future(store.write(operation)) for operation in operations]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, return_exceptions=True)
    return await asyncio.gather(*rest, return_exceptions=True)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is closed by what waits, not by how slow this machine is."""
    monkeypatch.setattr("ductile.store.sqlite.writer.BATCH_SECONDS", 60)


def put(key: str) -> Callable[[SqliteTransaction], None]:
    return lambda tx: set_meta(tx, key, "1")


def put_and_raise(key: str) -> Callable[[SqliteTransaction], None]:
    def operation(tx: SqliteTransaction) -> None:
        set_meta(tx, key, "1")
        tx.notify(JobEnded(key, State.FAILED))
        tx.count_jobs("p", "c", State.QUEUED, 1)
        raise ZeroDivisionError(key)

    return operation


def end_the_transaction(tx: SqliteTransaction) -> None:
    """As a full disk does."""
    tx.execute("rollback")
    message = "database or disk is full"
    raise sqlite3.OperationalError(message)


async def test_what_was_written_is_read_at_once(store: SqliteStore) -> None:
    for value in map(str, range(20)):
        await store.write(set_meta, "k", value)
        assert await store.meta("k") == value


async def test_an_operation_that_raises_fails_alone_and_leaves_nothing(store: SqliteStore) -> None:
    heard: list[Notification] = []
    store.on_commit(heard.extend)
    one, two, three = await batch(store, put("a"), put_and_raise("b"), put("c"))
    assert (one, three) == (None, None)
    assert isinstance(two, ZeroDivisionError)
    assert [await store.meta(key) for key in "abc"] == ["1", None, "1"]
    assert heard == []
    assert sum((await store.depth()).values()) == 0


async def test_an_operation_that_raises_alone_leaves_nothing(store: SqliteStore) -> None:
    with pytest.raises(ZeroDivisionError):
        await store.write(put_and_raise("a"))
    assert await store.meta("a") is None
    assert await store.can_commit()


async def test_a_constraint_fails_its_caller_alone(store: SqliteStore) -> None:
    order = start()
    one, two, three = await batch(
        store, lambda tx: insert_start(tx, order), lambda tx: insert_start(tx, order), put("a")
    )
    assert getattr(one, "job_id", None) == order.id
    assert isinstance(two, sqlite3.IntegrityError)
    assert three is None


async def test_an_error_that_ends_the_transaction_fails_every_caller_of_the_batch(store: SqliteStore) -> None:
    heard: list[Notification] = []
    store.on_commit(heard.extend)
    answers = await batch(store, lambda tx: insert_start(tx, start()), end_the_transaction, put("late"))
    assert isinstance(answers[0], StoreUnavailable)
    assert isinstance(answers[1], StoreUnavailable)
    assert "disk is full" in str(answers[1])
    assert heard == []
    assert sum((await store.depth()).values()) == 0
    assert await store.can_commit()


async def test_a_commit_that_fails_is_answered_as_unavailable(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tx: SqliteTransaction) -> None:
        message = "disk I/O error"
        raise sqlite3.OperationalError(message)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteTransaction, "commit", fail)
        assert not await store.can_commit()
        with pytest.raises(StoreUnavailable, match="disk I/O error"):
            await store.write(set_meta, "a", "1")
    assert await store.meta("a") is None
    assert await store.can_commit()


async def test_a_disk_with_room_for_a_probe_but_not_for_a_job_does_not_commit(store: SqliteStore) -> None:
    def limit(tx: SqliteTransaction, spare: int) -> None:
        run = tx._connection.execute  # noqa: SLF001 - the limit is one of the writer's own connection
        (pages,) = run("PRAGMA page_count").fetchone()
        run(f"PRAGMA max_page_count = {pages + spare}")

    assert await store.can_commit()
    await store.write(limit, 4)
    assert await store.can_commit()
    with pytest.raises(StoreUnavailable):
        await store.write(set_meta, "a", "x" * 40_000)
    assert not await store.can_commit()
    await store.write(limit, 10_000)
    assert await store.can_commit()


async def test_listeners_hear_before_callers_go_on(store: SqliteStore) -> None:
    order: list[object] = []

    def listen(signals: Sequence[Notification]) -> None:
        order.extend(signals)

    store.on_commit(listen)
    await store.write(insert_start, start())
    order.append("answered")
    assert order == [LaneReady("echo"), "answered"]


async def test_a_listener_that_fails_keeps_nobody_waiting(store: SqliteStore) -> None:
    def listen(_signals: Sequence[Notification]) -> None:
        raise ZeroDivisionError

    store.on_commit(listen)
    assert (await store.submit(start())).status is State.QUEUED


async def test_listeners_hear_once_what_all_that_is_written_together_will_ready(store: SqliteStore) -> None:
    heard: list[set[Notification]] = []

    def fails(_signals: Sequence[Notification]) -> None:
        raise ZeroDivisionError

    store.on_commit(fails)
    store.on_commit(lambda signals: heard.append(set(signals)))
    joined: list[int] = []
    store.before_flush(lambda: joined.append(len(heard)))
    for lanes in (["echo"], ["echo", "alias"], []):
        store.expect_ready(lanes)
    assert heard == []
    with capture_logs():
        await store.write(set_meta, "key", "1")
    assert heard == [{LaneReady("echo"), LaneReady("alias")}]
    assert joined[0] == 1, "what joins the batch knows what it will ready"


async def test_a_caller_that_is_cancelled_breaks_nothing(store: SqliteStore) -> None:
    gate, wait = hold_the_thread()
    waiting = asyncio.ensure_future(store.write(wait))
    cancelled = asyncio.ensure_future(store.write(set_meta, "a", "1"))
    await asyncio.sleep(0)
    cancelled.cancel()
    gate.set()
    await waiting
    assert await store.can_commit()
    assert await store.meta("a") == "1", "what was handed over is written all the same"


async def test_closing_writes_what_waits_and_then_refuses(tmp_path: Path) -> None:
    before = threading.active_count()
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 0)
    executor_threads = threading.active_count() - before - 1
    gate, wait = hold_the_thread()
    writes = [asyncio.ensure_future(store.write(wait)), asyncio.ensure_future(store.write(set_meta, "a", "1"))]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    gate.set()
    await closing
    await asyncio.gather(*writes)
    with pytest.raises(StoreClosed):
        await store.write(set_meta, "a", "1")
    with pytest.raises(StoreClosed):
        await store.meta("a")
    await store.close()
    assert threading.active_count() == before + executor_threads
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 0)
    assert await store.meta("a") == "1"
    await store.close()


async def test_a_thread_that_dies_fails_its_callers(tmp_path: Path) -> None:
    def die(_tx: SqliteTransaction) -> None:
        raise SystemExit

    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 0)
    writes = [asyncio.ensure_future(store.write(operation)) for operation in (die, put("a"), put("b"))]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    with pytest.raises(StoreUnavailable, match="restart the gateway"):
        await store.write(set_meta, "a", "1")
    assert not await store.can_commit()
    await store.close()


def test_a_loop_that_is_gone_does_not_hang_the_thread(tmp_path: Path) -> None:
    gate, wait = hold_the_thread()
    threads = set(threading.enumerate())

    async def leave() -> None:
        store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 0)
        task = asyncio.ensure_future(store.write(wait))
        await asyncio.sleep(0)
        task.cancel()
        store._writer._inbox.put(None)  # noqa: SLF001 - nobody awaits the close

    asyncio.run(leave())
    (writer,) = [one for one in set(threading.enumerate()) - threads if one.name == "ductile-writer"]
    gate.set()
    writer.join(10)
    assert not writer.is_alive()


async def test_a_batch_is_closed_after_512_operations(store: SqliteStore) -> None:
    looked = 0

    def look(_tx: SqliteTransaction) -> None:
        nonlocal looked
        looked += 1

    commits = 0
    original = SqliteTransaction.commit

    def commit(tx: SqliteTransaction) -> tuple[Notification, ...]:
        nonlocal commits
        commits += 1
        return original(tx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteTransaction, "commit", commit)
        await batch(store, *[look] * BATCH_OPERATIONS)
    assert looked == BATCH_OPERATIONS
    assert commits == 2, "the one that held the thread, and 511 others; then the last one"


async def test_every_operation_of_a_batch_has_the_same_time(tmp_path: Path) -> None:
    ticks = iter(range(100))
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: next(ticks))
    times: list[int] = []

    def look(tx: SqliteTransaction) -> None:
        times.append(tx.now)
        journal(tx, EntryKind.HOOKS_FAILED)

    await batch(store, look, look)
    await store.close()
    assert times[0] == times[1]


async def test_the_write_ahead_log_is_emptied_when_nothing_more_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.writer.IDLE_CHECKPOINT_SECONDS", 0.0)
    emptied = asyncio.Event()
    loop = asyncio.get_running_loop()
    times: list[int] = []

    def empty(tx: SqliteTransaction) -> bool:
        done = real(tx)
        times.append((tmp_path / "state.db-wal").stat().st_size)
        loop.call_soon_threadsafe(emptied.set)
        return done

    real = SqliteTransaction.empty_wal
    monkeypatch.setattr(SqliteTransaction, "empty_wal", empty)
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1)
    for _ in range(2):
        emptied.clear()
        await store.write(set_meta, "x", "y")
        await emptied.wait()
    await store.close()

    assert times == [0, 0]


async def test_a_write_ahead_log_that_is_being_read_is_emptied_once_the_reader_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.writer.IDLE_CHECKPOINT_SECONDS", 0.001)
    answers: list[bool] = []
    kept, emptied, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

    def empty(tx: SqliteTransaction) -> bool:
        answers.append(real(tx))
        loop.call_soon_threadsafe((emptied if answers[-1] else kept).set)
        return answers[-1]

    real = SqliteTransaction.empty_wal
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1)
    await store.write(set_meta, "x", "y")
    with closing(sqlite3.connect(tmp_path / "state.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM meta").fetchall()
        monkeypatch.setattr(SqliteTransaction, "empty_wal", empty)
        await store.write(set_meta, "x", "z")
        await asyncio.wait_for(kept.wait(), 10)
    await asyncio.wait_for(emptied.wait(), 10)
    await store.close()
    assert answers[0] is False
    assert answers.count(True) == 1


def test_a_log_that_cannot_be_emptied_leaves_the_writer_as_patient_as_before(
    harness: SqliteHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tx: SqliteTransaction, name: str) -> list[Row]:
        if name == "empty_wal":
            message = "disk I/O error"
            raise sqlite3.OperationalError(message)
        return real(tx, name)

    real = SqliteTransaction.rows
    monkeypatch.setattr(SqliteTransaction, "rows", fail)
    with pytest.raises(sqlite3.OperationalError):
        harness.tx.empty_wal()
    assert harness.all("PRAGMA busy_timeout") == [(5000,)]


async def test_a_flush_listener_that_fails_keeps_nobody_from_the_thread(store: SqliteStore) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    store.before_flush(fail)
    await store.write(set_meta, "a", "1")
    await store.write(set_meta, "b", "2")
    assert [await store.meta(key) for key in "ab"] == ["1", "2"]


def test_a_reader_keeps_the_write_ahead_log_and_holds_nobody_up(harness: SqliteHarness) -> None:
    with closing(sqlite3.connect(harness.path)) as reader:
        harness.insert(start())
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()
        harness.insert(start())

        said: list[str] = []
        harness.connection.set_trace_callback(said.append)
        harness.tx.empty_wal()
        harness.connection.set_trace_callback(None)

        assert said[0] == "PRAGMA busy_timeout = 0;", "with patience, it would wait until the reader has gone"

        assert harness.all("PRAGMA busy_timeout") == [(5000,)]
        assert reader.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        assert harness.path.with_name("state.db-wal").stat().st_size > 0


async def test_an_operation_can_ask_whether_anybody_else_waits(store: SqliteStore) -> None:
    def asked(_tx: SqliteTransaction) -> bool:
        return store.has_waiters()

    assert await store.write(asked) is False
    assert await batch(store, asked, put("other")) == [True, None], "one that stands behind it"
    assert await batch(store, put("other"), asked) == [None, True], "one that stands before it, without its commit"


async def test_what_fails_again_and_again_for_one_reason_is_logged_once_until_a_commit(store: SqliteStore) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await store.write(end_the_transaction)
            await store.write(put("k"))
    assert [log["event"] for log in logs] == ["store.batch_failed"] * 2
