"""The chore that trims: every kind of row has its turn, and no batch takes long."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.store import settlement, start
from support.web import snapshot

from ductile.maintenance import retention
from ductile.maintenance.retention import BATCH_SECONDS, CONTENDED_BATCH_SECONDS, Retention, Throttle, time_budget
from ductile.store.sqlite.search.indexer import index_attempts
from ductile.store.sqlite.search.segments import IndexBounds, read_bounds
from ductile.store.sqlite.store import SqliteStore
from ductile.store.transaction import Tx


def test_a_batch_is_over_once_it_has_taken_its_time_from_the_first_question_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(retention.time, "monotonic", lambda: now)

    enough = time_budget()
    now += 60  # it waited for the writer
    first = enough()
    now += BATCH_SECONDS / 2
    between = enough()
    now += BATCH_SECONDS

    assert (first, between, enough()) == (False, False, True)


def test_a_batch_is_over_sooner_where_somebody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    waiting = False
    monkeypatch.setattr(retention.time, "monotonic", lambda: now)

    enough = time_budget(lambda: waiting)
    first = enough()
    now += CONTENDED_BATCH_SECONDS
    alone = enough()
    waiting = True

    assert (first, alone, enough()) == (False, False, True)


async def test_a_pause_follows_a_batch_that_others_waited_for_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1_000_000)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(retention.asyncio, "sleep", sleep)
    throttle = Throttle(store)
    begun, go_on = threading.Event(), threading.Event()

    def trim(_tx: Tx, enough: Callable[[], bool]) -> bool:
        begun.set()
        assert go_on.wait(10)
        return enough()

    alone = asyncio.create_task(throttle.step(partial(store.write, trim)))
    go_on.set()
    await alone
    assert slept == []

    begun.clear()
    go_on.clear()
    trimming = asyncio.create_task(throttle.step(partial(store.write, trim)))
    await asyncio.to_thread(begun.wait, 10)
    other = asyncio.ensure_future(store.submit(start()))
    while not other.done():
        await asyncio.wait({other}, timeout=0)
        go_on.set()
    await trimming
    assert len(slept) == 1
    assert slept[0] > 0
    await throttle.step(partial(store.write, trim))
    assert len(slept) == 2, "who came just now comes again"
    await store.close()


async def test_a_round_trims_every_kind_of_row_and_gives_up_their_full_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.search.segments.SEGMENT_ATTEMPTS", 3)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.BATCH_ATTEMPTS", 3)
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1_000_000)
    for _ in range(8):
        await store.submit(start())
        claims = await store.claim({"echo": 1}, 1, lambda _: None)
        await store.settle(settlement(claims.claimed[0].job))
    while (await store.write(index_attempts)).more:
        pass
    current = snapshot()
    keep = current.service.job_log_retention + current.service.job_queue_retention

    await Retention(store, lambda: current, lambda: 1_000_001 + keep).trim_all()

    def left(tx: Tx) -> tuple[int, int, IndexBounds]:
        return len(tx.rows("segments")), len(tx.rows("retired_segment")), read_bounds(tx)

    segments, retired_segment, at = await store.write(left)
    assert (segments, retired_segment, at.newest, at.through, at.opened) == (0, 0, 0, 0, 0)
    assert (await store.jobs()).total == 0
    await store.close()


async def test_a_reload_by_which_less_is_kept_begins_a_round(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1_000_000)
    await store.submit(start())
    claims = await store.claim({"echo": 1}, 1, lambda _: None)
    await store.settle(settlement(claims.claimed[0].job))
    rounds = asyncio.Event()
    current = before = snapshot()
    chore = Retention(store, lambda: current, lambda: 2_000_000)
    full_round = chore.trim_all

    async def one_round() -> None:
        await full_round()
        rounds.set()

    chore.trim_all = one_round  # type: ignore[method-assign]
    await chore.start()
    await asyncio.wait_for(rounds.wait(), 10)
    assert (await store.jobs()).total == 1

    rounds.clear()
    chore.apply(before, replace(before, generation=2))
    current = replace(before, service=replace(before.service, job_queue_retention=1000))
    chore.apply(before, current)
    await asyncio.wait_for(rounds.wait(), 10)

    assert (await store.jobs()).total == 0
    await chore.stop()
    await store.close()


async def test_nothing_is_trimmed_while_the_write_ahead_log_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1_000_000)
    await store.submit(start())
    limit = await store.log_size() - 1
    assert limit > 0
    monkeypatch.setattr(retention, "MAX_WAL_BYTES", limit)
    trimmed = 0

    def trim(_tx: Tx, _enough: Callable[[], bool]) -> bool:
        nonlocal trimmed
        trimmed += 1
        return False

    async def written_back(_seconds: float) -> None:
        assert trimmed == 0
        monkeypatch.setattr(retention, "MAX_WAL_BYTES", limit + 1)

    monkeypatch.setattr(retention.asyncio, "sleep", written_back)
    await Throttle(store).step(partial(store.write, trim))
    assert trimmed == 1
    await store.close()
