"""What a store says of itself, and what it calls."""

import pytest
from support.store import start
from support.store_backends import StoreHarness

from ductile.model.job import Outcome, State
from ductile.model.notification import JobEnded
from ductile.store.errors import StorageFull, StoreClosed


async def test_a_pause_is_kept_and_journalled_once(at: StoreHarness) -> None:
    assert not await at.store.is_paused()
    for paused in (False, True, True):
        await at.store.set_paused(paused=paused)
    assert await at.store.is_paused()
    await at.store.set_paused(paused=False)
    assert not await at.store.is_paused()
    assert [kind for kind, _ in await at.entries()] == ["gateway.paused", "gateway.resumed"]


async def test_a_full_store_takes_no_new_work(at: StoreHarness) -> None:
    at.store.check_capacity()
    at.store.capacity_error = "the disk is small"
    with pytest.raises(StorageFull, match="the disk is small"):
        at.store.check_capacity()


async def test_a_batch_is_told_with_its_size(at: StoreHarness) -> None:
    batches: list[tuple[int, float | None]] = []
    at.store.on_batch(lambda writes, seconds: batches.append((writes, seconds)))
    await at.insert(start())
    assert [writes for writes, _ in batches] == [1]
    assert batches[0][1] is not None


async def test_a_claim_before_the_flush_starts_what_is_submitted_with_it(at: StoreHarness) -> None:
    claims = []
    at.store.before_flush(lambda: claims or claims.append(at.store.claim({"echo": 1}, 1, lambda _job: None)))
    accepted = await at.insert(start())
    assert [one.job.id for one in (await claims[0]).claimed] == [accepted.job_id]


async def test_the_end_of_a_job_comes_with_its_view_where_somebody_waits(at: StoreHarness) -> None:
    waited, other = start(), start()
    at.store.include_view_for(waited.id.__eq__)
    for order in (waited, other):
        await at.insert(order)
        await at.settle((await at.claim_one("echo")).job)
        (ended,) = [one for one in at.notifications if isinstance(one, JobEnded)]
        assert (ended.job_id, ended.state, ended.view is None) == (order.id, State.SUCCEEDED, order is other)


async def test_a_closed_store_takes_nothing(at: StoreHarness) -> None:
    await at.store.ping()
    assert await at.store.can_commit()
    await at.store.close()
    with pytest.raises(StoreClosed):
        await at.store.submit(start())
    with pytest.raises(StoreClosed):
        await at.store.depth()


async def test_what_an_earlier_session_left_running_is_abandoned(at: StoreHarness) -> None:
    for _ in range(2):
        await at.insert(start())
    left = (await at.claim_one("echo")).job
    assert [job.id for job in await at.store.running_jobs()] == [left.id]
    assert await at.store.abandoned_jobs() == []
    await at.reopen()
    own = (await at.claim_one("echo")).job
    assert [job.id for job in await at.store.abandoned_jobs()] == [left.id]
    assert [job.id for job in await at.store.running_jobs()] == [left.id, own.id]
    assert await at.settle(left, State.QUEUED, outcome=Outcome.LOST)
    assert await at.store.abandoned_jobs() == []
