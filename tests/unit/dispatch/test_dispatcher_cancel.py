"""The dispatcher: cancelled jobs, queued and running."""

import asyncio

from support.dispatch import DispatcherHarness

from ductile.model.job import Outcome, State
from ductile.model.writes import Settlement
from ductile.plugin.runner.interface import StopReason


async def test_a_running_attempt_is_stopped_by_a_cancel(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    job = await harness.insert()
    running = await harness.execution(job)
    await harness.store.cancel(job)
    assert (await harness.wait_for_state(job, State.CANCELLED)).error == "cancelled"
    assert running.stopped is StopReason.CANCELLED


async def test_a_cancelled_attempt_keeps_its_slot_until_it_is_reaped(harness: DispatcherHarness) -> None:
    harness.configure_service(max_workers=1)
    harness.runner.obedient = False
    await harness.dispatcher.start()
    job, waiting = await harness.insert(), await harness.insert()
    running = await harness.execution(job)
    await harness.store.cancel(job)
    assert running.stopped is StopReason.CANCELLED
    assert (harness.dispatcher.running, harness.runner.runs_of(waiting)) == (1, [])
    running.finish(b"", exit_code=-9)
    await harness.execution(waiting)
    assert (await harness.job(job)).state is State.CANCELLED


async def test_a_cancel_between_a_claim_and_its_start_keeps_it_from_starting(harness: DispatcherHarness) -> None:
    harness.store.held_back["claim"] = asyncio.Event()
    await harness.dispatcher.start()
    job = await harness.insert()
    await harness.wait_for_state(job, State.RUNNING)
    assert await harness.store.cancel(job) is State.RUNNING
    harness.store.held_back["claim"].set()
    view = await harness.wait_for_state(job, State.CANCELLED)
    assert view.error == "cancelled before it started"
    assert harness.runner.runs == []


async def test_a_result_that_comes_after_its_attempt_was_given_up_is_dropped_and_frees_its_slot(
    harness: DispatcherHarness,
) -> None:
    harness.configure_service(max_workers=1)
    await harness.dispatcher.start()
    job = await harness.insert()
    running = await harness.execution(job)
    (claimed,) = await harness.store.running_jobs()
    lost = Settlement(
        job=claimed,
        outcome=Outcome.LOST,
        state=State.FAILED,
        started_at=1,
        runner="",
        generation=1,
        error="given up",
    )
    await harness.store.settle(lost)
    running.finish()
    await harness.execution(await harness.insert())
    assert (await harness.job(job)).error == "given up"
