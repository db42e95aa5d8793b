"""A rehearsal answers as the write would, and leaves nothing."""

import asyncio
import threading

import pytest
from support.store import start

from ductile.model.job import State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobEnded, Notification
from ductile.store.errors import UnknownJob
from ductile.store.meta import set_meta
from ductile.store.sqlite.store import SqliteStore
from ductile.store.transaction import Tx


async def test_it_answers_as_the_write_would_and_leaves_nothing(store: SqliteStore) -> None:
    heard: list[Notification] = []
    store.on_commit(heard.extend)
    accepted = await store.submit(start(), dry_run=True)
    assert (accepted.status, accepted.plugin) == (State.QUEUED, "echo")
    assert await store.job(accepted.job_id) is None
    assert sum((await store.depth()).values()) == 0
    assert heard == []


async def test_a_change_of_what_stands_is_undone_with_its_counts_signals_and_journal(store: SqliteStore) -> None:
    job_id = (await store.submit(start())).job_id
    newest = await store.newest_entry()
    heard: list[Notification] = []
    store.on_commit(heard.extend)
    assert await store.cancel(job_id, dry_run=True) is State.CANCELLED
    view = await store.job(job_id)
    assert view is not None
    assert view.state is State.QUEUED
    assert (await store.depth())[State.QUEUED] == 1
    assert await store.newest_entry() == newest
    assert heard == []
    assert await store.cancel(job_id) is State.CANCELLED


async def test_it_raises_as_the_write_would(store: SqliteStore) -> None:
    with pytest.raises(UnknownJob):
        await store.cancel("none", dry_run=True)
    assert await store.can_commit()


async def test_a_batch_keeps_its_writes_and_undoes_its_rehearsals_though_another_fails(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.writer.BATCH_SECONDS", 60)
    gate = threading.Event()
    heard: list[Notification] = []
    store.on_commit(heard.extend)

    def wait(_tx: Tx) -> None:
        assert gate.wait(10)

    def put(tx: Tx, key: str) -> None:
        set_meta(tx, key, "1")
        tx.notify(JobEnded(key, State.FAILED))
        tx.count_jobs("p", key, State.FAILED, 1)
        tx.journal(EntryKind.JOB_ENDED, key)

    def fail(tx: Tx) -> None:
        put(tx, "failed")
        raise ZeroDivisionError

    writes = [asyncio.ensure_future(store.write(wait))]
    await asyncio.sleep(0)
    writes += [
        asyncio.ensure_future(each)
        for each in (
            store.write(put, "a"),
            store.dry_run(put, "b"),
            store.write(fail),
            store.dry_run(put, "c"),
            store.write(put, "d"),
        )
    ]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [ZeroDivisionError]
    keys = ("a", "b", "failed", "c", "d")
    assert [await store.meta(key) for key in keys] == ["1", None, None, None, "1"]
    assert (await store.depth())[State.FAILED] == 2
    assert [signal.job_id for signal in heard if isinstance(signal, JobEnded)] == ["a", "d"]
    assert await store.newest_entry() == 2
