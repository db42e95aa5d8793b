"""Due times stand in the store."""

from support.store import start
from support.store_backends import StoreHarness


async def test_a_new_schedule_is_kept_a_known_one_keeps_its_times_and_a_missing_one_goes(at: StoreHarness) -> None:
    rows = await at.store.sync_schedules({"echo/a": (100, 101), "echo/b": (200, 202)})
    assert [(row.id, row.base_at, row.due_at) for row in rows] == [("echo/a", 100, 101), ("echo/b", 200, 202)]
    rows = await at.store.sync_schedules({"echo/b": (300, 303), "echo/c": (400, 404)})
    assert [(row.id, row.base_at, row.due_at) for row in rows] == [("echo/b", 200, 202), ("echo/c", 400, 404)]


async def test_a_due_time_makes_one_job(at: StoreHarness) -> None:
    await at.store.sync_schedules({"echo/a": (100, 101)})
    accepted = await at.store.fire("echo/a", 101, 200, 203, start())
    assert accepted is not None
    (row,) = await at.store.sync_schedules({"echo/a": (0, 0)})
    assert (row.base_at, row.due_at, row.last_job_id) == (200, 203, accepted.job_id)
    assert await at.store.fire("echo/a", 101, 200, 203, start()) is None
    assert await at.total() == 1


async def test_a_due_time_is_skipped_while_the_last_job_is_outstanding(at: StoreHarness) -> None:
    await at.store.sync_schedules({"echo/a": (100, 100)})
    first = await at.store.fire("echo/a", 100, 200, 200, start())
    assert first is not None
    assert await at.store.fire("echo/a", 200, 300, 300, start()) is None
    assert ("schedule.skipped", first.job_id) in await at.entries()
    await at.settle((await at.claim_one("echo")).job)
    assert await at.store.fire("echo/a", 300, 400, 400, start()) is not None


async def test_a_schedule_is_moved_only_from_where_it_is_expected(at: StoreHarness) -> None:
    await at.store.sync_schedules({"echo/a": (100, 100)})
    assert (await at.store.reschedule("echo/a", 100, 50, 51)).due_at == 51
    assert (await at.store.reschedule("echo/a", 100, 70, 71)).due_at == 51
