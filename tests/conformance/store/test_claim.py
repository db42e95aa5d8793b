"""Claims, lane by lane; what is held and released; what becomes due."""

from support.store import child, event, run, start
from support.store_backends import MAX_ATTEMPTS, StoreHarness

from ductile.model.claims import MAX_MOVED_JOBS, PLUGIN_UNAVAILABLE, Defer, Hold
from ductile.model.job import Job, State
from ductile.model.notification import JobDue, LaneReady
from ductile.model.writes import NewContext, StateUpdate


def plugins(jobs: list[Job]) -> list[str]:
    return [job.plugin for job in jobs]


async def claimed(at: StoreHarness, free: dict[str, int], total: int = MAX_ATTEMPTS) -> list[Job]:
    return [one.job for one in (await at.claim(free, total)).claimed]


async def test_a_claim_gives_an_attempt_all_it_needs(at: StoreHarness) -> None:
    baggage = NewContext(id="c", parent_id=None, values=b'{"from":"before"}')
    first = await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.settle(job, state_update=StateUpdate(plugin="echo", values={"seen": 1}))
    given = event()
    await at.insert(run(event=given, event_id=given.id, children=(child("step", given.id, context=baggage),)))
    at.now += 5
    one = await at.claim_one("echo")
    assert first.job_id == job.id
    assert (one.job.state, one.job.attempt, one.job.started_at) == (State.RUNNING, 1, at.now)
    assert one.event == given
    assert one.context == b'{"from":"before"}'
    assert one.plugin_state == b'{"seen":1}'


async def test_what_is_not_there_is_an_empty_object(at: StoreHarness) -> None:
    await at.insert(start())
    one = await at.claim_one("echo")
    assert (one.context, one.plugin_state) == (b"{}", b"{}")


async def test_the_best_of_all_lanes_goes_first(at: StoreHarness) -> None:
    for plugin, priority, run_at in (("a", 0, 5), ("b", 1, 9), ("a", 1, 8), ("c", 0, 4), ("b", -1, 1)):
        await at.insert(start(plugin, priority=priority, run_at=run_at))
    jobs = await claimed(at, {"a": 2, "b": 2, "c": 2})
    assert [(job.plugin, job.priority) for job in jobs] == [("a", 1), ("b", 1), ("c", 0), ("a", 0), ("b", -1)]


async def test_equals_go_in_the_order_they_came(at: StoreHarness) -> None:
    ids = [(await at.insert(start())).job_id for _ in range(4)]
    assert [job.id for job in await claimed(at, {"echo": 4})] == ids


async def test_no_lane_takes_more_than_its_free_slots_and_all_no_more_than_the_total(at: StoreHarness) -> None:
    for plugin in ("a", "b") * 4:
        await at.insert(start(plugin))
    assert plugins(await claimed(at, {"a": 1, "b": 2}, total=2)) == ["a", "b"]
    claims = await at.claim({"a": 1, "b": 0, "c": 3}, MAX_ATTEMPTS)
    assert plugins([one.job for one in claims.claimed]) == ["a"]
    assert claims.drained == {"c"}


async def test_a_lane_is_drained_when_nothing_is_ready_in_it(at: StoreHarness) -> None:
    await at.insert(start())
    await at.insert(start(run_at=at.now + 1))
    claims = await at.claim({"echo": 5})
    assert len(claims.claimed) == 1
    assert claims.drained == {"echo"}


async def test_nothing_is_looked_at_without_a_free_slot(at: StoreHarness) -> None:
    await at.insert(start())
    claims = await at.claim({"echo": 5}, total=0)
    assert (claims.claimed, claims.drained) == ((), frozenset())


async def test_a_refused_job_is_held_before_its_attempt_rises_and_takes_no_slot(at: StoreHarness) -> None:
    refused = (await at.insert(start(priority=1))).job_id
    admitted = (await at.insert(start())).job_id
    claims = await at.claim({"echo": 1}, gate=lambda job: Hold("breaker") if job.id == refused else None)
    assert [one.job.id for one in claims.claimed] == [admitted]
    row = await at.view(refused)
    assert (row.state, row.held_reason, row.attempt) == ("held", "breaker", 0)
    assert await at.counts_are_true()


async def test_a_job_is_deferred_to_a_time_before_its_attempt_rises_and_takes_no_slot(at: StoreHarness) -> None:
    late = (await at.insert(start(priority=1))).job_id
    admitted = (await at.insert(start())).job_id
    claims = await at.claim({"echo": 1}, gate=lambda job: Defer(at.now + 50) if job.id == late else None)
    assert [one.job.id for one in claims.claimed] == [admitted]
    row = await at.view(late)
    assert (row.state, row.held_reason, row.attempt, row.run_at) == ("queued", None, 0, at.now + 50)
    assert JobDue(at.now + 50) in at.notifications
    assert await claimed(at, {"echo": 9}) == []
    at.now += 50
    await at.store.promote()
    assert [job.id for job in await claimed(at, {"echo": 9})] == [late]
    assert await at.counts_are_true()


async def test_a_job_that_is_deferred_to_a_time_in_the_past_is_asked_for_later(at: StoreHarness) -> None:
    await at.insert(start())
    await at.claim({"echo": 1}, gate=lambda _job: Defer(0))
    assert await at.store.promote() == at.now + 1


async def test_one_claim_refuses_a_bounded_number_and_asks_for_another(at: StoreHarness) -> None:
    for _ in range(MAX_MOVED_JOBS + 1):
        await at.insert(start())
    claims = await at.claim({"echo": 1}, gate=lambda _job: Hold("breaker"))
    assert claims == type(claims)((), frozenset())
    assert {LaneReady("echo")} <= set(at.notifications)
    assert (await at.store.depth())[State.QUEUED] == 1


async def test_roots_of_runs_are_never_claimed(at: StoreHarness) -> None:
    root = await at.insert(run("one"))
    assert [job.id for job in await claimed(at, {"echo": 9, "pipeline": 9, "": 9})] != [root.job_id]
    assert (await at.view(root.job_id)).attempt == 0


async def test_a_held_lane_is_released_with_its_plugin(at: StoreHarness) -> None:
    ids = [(await at.insert(start())).job_id for _ in range(3)]
    other = (await at.insert(start(command="gone"))).job_id
    assert await at.store.hold_lane("echo", PLUGIN_UNAVAILABLE) == 4
    assert await at.store.hold_lane("echo", PLUGIN_UNAVAILABLE) == 0
    assert await claimed(at, {"echo": 9}) == []
    assert await at.store.release({"other": frozenset({"poll"})}) == 0
    at.notifications.clear()
    assert await at.store.release({"echo": frozenset({"poll"})}) == 3
    assert LaneReady("echo") in at.notifications
    assert await at.counts_are_true()
    assert {job.id for job in await claimed(at, {"echo": 9})} == set(ids)
    assert (await at.view(other)).held_reason == PLUGIN_UNAVAILABLE


async def test_what_is_due_becomes_ready(at: StoreHarness) -> None:
    for wait in (10, 20, 30):
        await at.insert(start(run_at=at.now + wait))
    assert await at.store.promote() == at.now + 10
    assert await claimed(at, {"echo": 9}) == []
    at.now += 20
    at.notifications.clear()
    assert await at.store.promote() == at.now + 10
    assert LaneReady("echo") in at.notifications
    assert len(await claimed(at, {"echo": 9})) == 2
    at.now += 10
    assert await at.store.promote() is None


async def test_a_job_held_for_another_reason_is_not_released_by_a_reload(at: StoreHarness) -> None:
    await at.insert(start())
    await at.claim({"echo": 1}, gate=lambda _job: Hold("breaker"))
    assert await at.store.release({"echo": frozenset({"poll"})}) == 0


async def test_a_retry_that_was_held_is_released_at_its_own_time(at: StoreHarness) -> None:
    await at.insert(start())
    await at.settle((await at.claim_one("echo")).job, State.QUEUED, run_at=at.now + 50)
    assert {JobDue(at.now + 50)} <= set(at.notifications)
    at.now += 50
    await at.store.promote()
    await at.store.hold_lane("echo", PLUGIN_UNAVAILABLE)
    at.now -= 50
    await at.store.release({"echo": frozenset({"poll"})})
    assert {JobDue(at.now + 50)} <= set(at.notifications)
