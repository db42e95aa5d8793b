"""What a gateway does for the attempts that the last one left running."""

import pytest
from msgspec.structs import replace
from support.dispatch import DispatcherHarness
from support.store import run

from ductile.dispatch.rescue import rescue
from ductile.model.job import Outcome, State


async def leave_running(harness: DispatcherHarness, n: int = 1) -> None:
    claims = await harness.store.claim({"echo": n}, n, lambda _job: None)
    assert len(claims.claimed) == n
    harness.store.session = "the next gateway"


async def rescue_all(harness: DispatcherHarness) -> int:
    return await rescue(harness.store, harness.snapshot, "no-such-instance", harness.clock())


async def test_a_running_attempt_is_lost_and_its_job_queued_at_once(harness: DispatcherHarness) -> None:
    job = await harness.insert(max_attempts=1)
    await leave_running(harness)
    assert await rescue_all(harness) == 1
    view = await harness.job(job)
    assert (view.state, view.attempt, view.lost) == (State.QUEUED, 1, 1)
    [ended] = await harness.store.attempts(job)
    assert ended.outcome is Outcome.LOST
    await harness.dispatcher.start()
    assert (await harness.execution(job)).call.attempt == 2


async def test_what_waits_and_the_roots_of_runs_are_left_alone(harness: DispatcherHarness) -> None:
    order = run("one", "two")
    root = await harness.insert(order.plugin, order.command, event=order.event, **_other_members(order))
    waiting = await harness.insert("alias")
    await leave_running(harness)
    assert await rescue_all(harness) == 1
    assert (await harness.job(root)).state is State.RUNNING
    assert (await harness.job(waiting)).attempt == 0


def _other_members(order: object) -> dict[str, object]:
    names = ("definition", "definition_document", "children")
    return {name: getattr(order, name) for name in names}


async def test_the_fourth_death_ends_a_job_dead(harness: DispatcherHarness) -> None:
    job = await harness.insert(max_attempts=1)
    for _ in range(4):
        await leave_running(harness)
        await rescue_all(harness)
    assert (await harness.job(job)).state is State.DEAD


async def test_a_cancel_asked_for_before_the_death_is_honoured(harness: DispatcherHarness) -> None:
    order = run("one", "two")
    root = await harness.insert(order.plugin, order.command, event=order.event, **_other_members(order))
    alone = await harness.insert()
    await leave_running(harness, 3)
    for job in (root, alone):
        assert await harness.store.cancel(job) is State.RUNNING
    assert await rescue_all(harness) == 3
    for job in (root, alone, *(step.id for step in order.children)):
        assert (await harness.job(job)).state is State.CANCELLED


@pytest.mark.parametrize(("there", "state"), [(True, State.FAILED), (False, State.QUEUED)])
async def test_a_job_that_is_not_safe_to_retry_fails_and_says_so(
    harness: DispatcherHarness, state: State, *, there: bool
) -> None:
    manifest = harness.snapshot.plugins["echo"].manifest
    once = replace(manifest.commands["poll"], retry_safe=False)
    harness.configure_plugin("echo", manifest=replace(manifest, commands={**manifest.commands, "poll": once}))
    if not there:
        harness.snapshot = harness.snapshot_without("echo")
    job = await harness.insert()
    await leave_running(harness)
    await rescue_all(harness)
    view = await harness.job(job)
    assert view.state is state
    assert ("retry_safe" in str(view.error)) == there
