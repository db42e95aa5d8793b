"""A dry run answers as the write would, and leaves nothing."""

import pytest
from msgspec.structs import replace
from support.store import event, start
from support.store_backends import StoreHarness

from ductile.model.job import State
from ductile.store.contract import Store
from ductile.store.errors import JobUnfinished, UnknownJob


async def look(store: Store) -> tuple[object, ...]:
    return await store.depth(), await store.newest_entry(), (await store.jobs()).rows


async def test_a_start_answers_and_is_not_kept(at: StoreHarness) -> None:
    before = await look(at.store)
    accepted = await at.store.submit(start(), dry_run=True)
    assert (accepted.status, accepted.plugin) == (State.QUEUED, "echo")
    given = event()
    order = replace(start(), event=None, event_id=given.id, cause_event_id=given.id)
    received = await at.store.post_event(given, [order], principal="token:t", dry_run=True)
    assert [one.plugin for one in received.started] == ["echo"]
    assert await at.store.job(accepted.job_id) is None
    assert await look(at.store) == before
    assert at.notifications == []


async def test_a_change_of_a_job_answers_and_is_undone(at: StoreHarness) -> None:
    job_id = (await at.insert(start())).job_id
    before = await look(at.store)
    at.notifications.clear()
    assert await at.store.cancel(job_id, dry_run=True) is State.CANCELLED
    assert await at.store.purge([job_id], dry_run=True) == 1
    assert await look(at.store) == before
    assert at.notifications == []
    assert await at.store.cancel(job_id) is State.CANCELLED


async def test_a_refusal_is_that_of_the_write(at: StoreHarness) -> None:
    job_id = (await at.insert(start())).job_id
    with pytest.raises(UnknownJob):
        await at.store.cancel("none", dry_run=True)
    with pytest.raises(JobUnfinished):
        await at.store.rerun(start(), job_id, dry_run=True)
    assert await at.store.can_commit()
