"""Cancelling: at once where nothing runs, otherwise when what runs is reaped."""

import pytest
from support.store import child, event, run, start
from support.store_backends import StoreHarness

from ductile.model.claims import Hold
from ductile.model.job import Outcome, State
from ductile.model.notification import CancelAttempt, JobEnded
from ductile.store.errors import JobFinished, UnknownJob


async def test_an_unknown_job_and_a_finished_one_say_so(at: StoreHarness) -> None:
    with pytest.raises(UnknownJob, match="no job nobody"):
        await at.cancel("nobody")
    job_id = (await at.insert(start(error="refused"))).job_id
    with pytest.raises(JobFinished, match="failed"):
        await at.cancel(job_id)


@pytest.mark.parametrize("before", ["queued", "waiting", "held"])
async def test_a_job_that_waits_is_cancelled_at_once(at: StoreHarness, before: str) -> None:
    job_id = (await at.insert(start(run_at=at.now + 9 if before == "waiting" else None))).job_id
    if before == "held":
        await at.claim({"echo": 1}, gate=lambda _job: Hold("breaker"))
    assert await at.cancel(job_id) is State.CANCELLED
    assert (await at.view(job_id)).ended_at == at.now
    assert {JobEnded(job_id, State.CANCELLED)} <= set(at.notifications)
    assert [ended.state for ended in at.ended] == [State.CANCELLED]
    assert await at.counts_are_true()


async def test_a_running_job_is_stopped_first(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    for _ in range(2):
        assert await at.cancel(job.id) is State.RUNNING
        assert {CancelAttempt(job.id)} <= set(at.notifications)
    await at.settle(job, State.CANCELLED)
    assert await at.state(job.id) == "cancelled"


async def test_a_job_that_is_being_cancelled_is_not_queued_again(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.cancel(job.id)
    assert await at.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert await at.state(job.id) == "cancelled"
    assert await at.counts_are_true()


async def test_a_run_takes_its_waiting_steps_along_and_ends_when_the_running_ones_have(at: StoreHarness) -> None:
    given = event()
    steps = [child(step, given.id, plugin) for step, plugin in (("one", "a"), ("two", "b"), ("three", "c"))]
    root = (await at.insert(run(event=given, event_id=given.id, children=tuple(steps)))).job_id
    job = (await at.claim_one("a")).job
    await at.claim({"c": 1}, gate=lambda _job: Hold("breaker"))
    assert await at.cancel(root) is State.RUNNING
    assert CancelAttempt(job.id) in at.notifications
    assert [await at.state(step.id) for step in steps] == ["running", "cancelled", "cancelled"]
    assert await at.state(root) == "running"
    assert await at.cancel(root) is State.RUNNING
    await at.settle(job, State.CANCELLED)
    assert await at.state(root) == "cancelled"
    assert await at.counts_are_true()


async def test_nothing_follows_in_a_run_that_is_being_cancelled(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    job = (await at.claim_one("echo")).job
    await at.cancel(root)
    emitted = event(job_id=job.id)
    await at.settle(job, events=(emitted,), children=(child("two", emitted.id),))
    assert (await at.state(job.id), await at.state(root)) == ("succeeded", "cancelled")
    assert await at.total() == 2


async def test_a_lost_step_of_a_run_that_is_being_cancelled_ends_it(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    job = (await at.claim_one("echo")).job
    await at.cancel(root)
    await at.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert (await at.state(job.id), await at.state(root)) == ("cancelled", "cancelled")


async def test_a_run_in_which_nothing_runs_is_cancelled_at_once(at: StoreHarness) -> None:
    root = (await at.insert(run("one", "two"))).job_id
    assert await at.cancel(root) is State.CANCELLED
    assert await at.state(root) == "cancelled"
    with pytest.raises(JobFinished):
        await at.cancel(root)


async def test_a_cancelled_step_is_a_failed_one_to_its_run(at: StoreHarness) -> None:
    root = (await at.insert(run("one", "two"))).job_id
    one, two = (step.id for step in await at.steps(root))
    assert await at.cancel(two) is State.CANCELLED
    job = (await at.claim_one("echo")).job
    assert job.id == one
    await at.settle(job)
    row = await at.view(root)
    assert (row.state, row.error) == ("failed", "two: cancelled")


async def test_a_running_step_is_stopped_and_then_fails_its_run(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    job = (await at.claim_one("echo")).job
    assert await at.cancel(job.id) is State.RUNNING
    assert {CancelAttempt(job.id)} <= set(at.notifications)
    await at.settle(job, State.CANCELLED, error="cancelled by its caller")
    assert (await at.state(root), (await at.view(root)).error) == ("failed", "cancelled by its caller")


async def test_a_lost_step_that_is_being_cancelled_is_not_queued_again(at: StoreHarness) -> None:
    root = (await at.insert(run("one", "two"))).job_id
    job = (await at.claim_one("echo")).job
    await at.cancel(job.id)
    await at.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert (await at.state(job.id), await at.state(root)) == ("cancelled", "running")
