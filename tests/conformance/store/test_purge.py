"""What waits can be cancelled at once; what runs goes on."""

import pytest
from support.store import child, event, run, start
from support.store_backends import StoreHarness

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.filters import WaitingFilter
from ductile.model.ids import new_id
from ductile.model.job import State
from ductile.model.notification import CancelAttempt, JobEnded


async def waiting(at: StoreHarness) -> list[str]:
    return await at.store.waiting_jobs(WaitingFilter(), "", new_id(), 100)


async def test_jobs_that_wait_are_cancelled_and_others_are_left(at: StoreHarness) -> None:
    running = (await at.insert(start())).job_id
    await at.claim({"echo": 1})
    queued = (await at.insert(start())).job_id
    later = (await at.insert(start(run_at=at.now + 1000))).job_id
    held = (await at.insert(start("gone"))).job_id
    await at.store.hold_lane("gone", PLUGIN_UNAVAILABLE)
    ended = (await at.insert(start(error="refused"))).job_id
    at.notifications.clear()
    assert await at.store.purge([running, queued, later, held, ended, "none"]) == 3
    assert {await at.state(one) for one in (queued, later, held)} == {"cancelled"}
    assert (await at.state(running), await at.state(ended)) == ("running", "failed")
    assert {signal.job_id for signal in at.notifications if isinstance(signal, JobEnded)} == {queued, later, held}
    assert not [signal for signal in at.notifications if isinstance(signal, CancelAttempt)]
    assert (await at.view(held)).held_reason is None
    assert await at.counts_are_true()
    assert await at.store.purge([queued]) == 0


async def test_a_run_of_which_nothing_else_is_open_is_cancelled(at: StoreHarness) -> None:
    root = (await at.insert(run("one", "two"))).job_id
    assert await at.store.purge(await waiting(at)) == 2
    row = await at.view(root)
    assert (row.state, row.error) == ("cancelled", None)
    assert await at.counts_are_true()


async def test_a_run_is_cancelled_whole_also_by_two_batches(at: StoreHarness) -> None:
    root = (await at.insert(run("one", "two"))).job_id
    for job_id in await waiting(at):
        await at.store.purge([job_id])
    assert await at.state(root) == "cancelled"
    assert await at.counts_are_true()


async def test_a_run_that_still_works_goes_on_with_a_failed_step(at: StoreHarness) -> None:
    given = event()
    steps = (child("one", given.id, "echo"), child("two", given.id, "other"))
    root = (await at.insert(run(event=given, event_id=given.id, children=steps))).job_id
    job = (await at.claim_one("echo")).job
    assert await at.store.purge(await waiting(at)) == 1
    assert (await at.view(root)).state == "running"
    await at.settle(job, State.SUCCEEDED)
    row = await at.view(root)
    assert (row.state, row.error) == ("failed", "two: cancelled")
    assert await at.counts_are_true()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (WaitingFilter(), ["a", "b", "c", "d", "e"]),
        (WaitingFilter(plugin="echo"), ["a", "b", "d", "e"]),
        (WaitingFilter(plugin="echo", command="peek"), ["b"]),
        (WaitingFilter(pipeline="flow"), ["d", "e"]),
        (WaitingFilter(pipeline="flow", plugin="other"), []),
        (WaitingFilter(pipeline="other"), []),
        (WaitingFilter(states=(State.HELD,)), ["c"]),
        (WaitingFilter(states=(State.QUEUED,)), ["a", "b", "d", "e"]),
        (WaitingFilter(plugin="nobody"), []),
    ],
)
async def test_what_waits_is_found_by_what_it_is(at: StoreHarness, wanted: WaitingFilter, names: list[str]) -> None:
    await at.insert(start("runs"))
    await at.claim({"runs": 1})
    made = {name: (await at.insert(start(command=command))).job_id for name, command in (("a", "poll"), ("b", "peek"))}
    made["c"] = (await at.insert(start("gone"))).job_id
    await at.store.hold_lane("gone", PLUGIN_UNAVAILABLE)
    before = set(await waiting(at))
    await at.insert(run("d", "e"))
    made |= dict(zip("de", sorted(set(await waiting(at)) - before), strict=True))
    below = new_id()
    late = (await at.insert(start())).job_id
    expected = [made[name] for name in names]
    assert await at.store.waiting_jobs(wanted, "", below, 100) == expected
    for n, job_id in enumerate(expected):
        assert await at.store.waiting_jobs(wanted, expected[n - 1] if n else "", below, 1) == [job_id]
    assert late in await at.store.waiting_jobs(WaitingFilter(), "", new_id(), 100)
