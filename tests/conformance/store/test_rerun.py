"""What has ended is started again beside the old row, which never changes."""

import pytest
from msgspec.structs import replace
from support.store import start
from support.store_backends import StoreHarness

from ductile.model.job import State
from ductile.model.writes import Idempotency, Start
from ductile.store.contract import TrimKind
from ductile.store.errors import JobUnfinished, UnknownJob


def again(first: Start) -> Start:
    """Another start on the event of the first."""
    return replace(start(), event=None, event_id=first.event_id, cause_event_id=first.event_id)


async def ended(at: StoreHarness) -> Start:
    first = start()
    await at.insert(first)
    await at.settle((await at.claim_one("echo")).job, State.FAILED)
    return first


async def test_what_runs_or_waits_is_not_started_again(at: StoreHarness) -> None:
    first = start()
    await at.insert(first)
    for state in ("queued", "running"):
        with pytest.raises(JobUnfinished, match=f"still {state}"):
            await at.store.rerun(again(first), first.id)
        await at.claim({"echo": 1})
    assert await at.total() == 1


async def test_what_retention_has_removed_is_not_started_again(at: StoreHarness) -> None:
    first = await ended(at)
    at.now += 10
    await at.store.trim(TrimKind.JOBS, at.now, lambda: False)
    with pytest.raises(UnknownJob):
        await at.store.rerun(again(first), first.id)


async def test_the_event_stays_as_long_as_the_new_job_does(at: StoreHarness) -> None:
    first = await ended(at)
    accepted = await at.store.rerun(again(first), first.id)
    at.now += 10
    await at.store.trim(TrimKind.JOBS, at.now, lambda: False)
    assert await at.total() == 1
    assert (await at.claim_one("echo")).event.id == first.event_id
    assert (await at.view(accepted.job_id)).retry_of == first.id


async def test_the_same_idempotency_key_starts_it_again_once(at: StoreHarness) -> None:
    first = await ended(at)
    key = Idempotency(principal="t", method="POST", path="/job/x/retry", key="k", body_hash="b", ttl=50)
    made = [await at.store.rerun(replace(again(first), idempotency=key), first.id) for _ in range(2)]
    assert made[0].job_id == made[1].job_id
    assert (made[0].replayed, made[1].replayed) == (False, True)
    assert await at.total() == 2
