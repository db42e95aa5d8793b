"""The dispatcher: pauses, resumes and stops."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import DispatcherHarness

from ductile.dispatch import dispatcher
from ductile.model.job import Outcome, State
from ductile.plugin.runner.interface import StopReason
from ductile.store.meta import PAUSED_KEY, set_meta


async def test_a_pause_behind_a_resume_holds(harness: DispatcherHarness) -> None:
    await harness.dispatcher.pause()
    await asyncio.gather(harness.dispatcher.resume(), harness.dispatcher.pause())
    assert harness.dispatcher.paused
    assert await harness.store.meta(PAUSED_KEY) == "1"


async def test_nothing_is_claimed_from_the_moment_a_pause_is_asked_for(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    harness.store.held_back["set_paused"] = asyncio.Event()
    pausing = asyncio.create_task(harness.dispatcher.pause())
    await harness.until(lambda: "set_paused" in harness.store.written)
    job = await harness.insert()
    harness.store.held_back["set_paused"].set()
    await pausing
    await harness.store.write(set_meta, "probe", "1")  # whatever was claimed behind the pause stands before this
    assert (await harness.job(job)).state is State.QUEUED
    await harness.dispatcher.resume()
    await harness.execution(job)


async def test_a_pause_outlives_the_dispatcher(harness: DispatcherHarness, tmp_path: Path) -> None:
    await harness.dispatcher.pause()
    again = DispatcherHarness(harness.store, harness.clock, tmp_path)
    await again.dispatcher.start()
    assert again.dispatcher.paused
    await again.dispatcher.drain(0, asyncio.Event())


async def test_a_stop_waits_for_what_runs_and_claims_nothing_more(harness: DispatcherHarness) -> None:
    harness.configure_service(max_workers=1)
    await harness.dispatcher.start()
    job, waiting = await harness.insert(), await harness.insert()
    running = await harness.execution(job)
    stopping = await harness.stop(60)
    await harness.insert("alias")
    for _ in range(10):  # turns of the loop, in which it would stop the attempt or claim another
        await asyncio.sleep(0)
    assert running.stopped is None
    running.finish()
    await stopping
    assert len(harness.runner.runs) == 1
    assert ((await harness.job(job)).state, (await harness.job(waiting)).state) == (State.SUCCEEDED, State.QUEUED)
    assert running.stopped is None


async def test_a_stop_does_not_take_up_a_claim_that_waited_for_the_store(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "STORE_RETRY_SECONDS", 600)
    await harness.dispatcher.start()
    harness.store.failing = {"claim"}
    job = await harness.insert()
    await harness.until(lambda: "claim" in harness.store.refused)
    harness.store.failing = set()
    await harness.dispatcher.drain(0, asyncio.Event())
    view = await harness.job(job)
    assert (view.state, view.attempt) == (State.QUEUED, 0)


async def test_a_stop_takes_a_claim_in_flight_along(harness: DispatcherHarness) -> None:
    harness.store.held_back["claim"] = asyncio.Event()
    await harness.dispatcher.start()
    job = await harness.insert()
    await harness.wait_for_state(job, State.RUNNING)
    stopping = await harness.stop(60)
    harness.store.held_back["claim"].set()
    (await harness.execution(job)).finish()
    await stopping
    assert (await harness.job(job)).state is State.SUCCEEDED


async def test_what_a_stop_ends_is_lost_and_queued_again_without_using_up_an_attempt(
    harness: DispatcherHarness,
) -> None:
    await harness.dispatcher.start()
    job = await harness.insert(max_attempts=1)
    running = await harness.execution(job)
    await harness.dispatcher.drain(0, asyncio.Event())
    view = await harness.job(job)
    assert running.stopped is StopReason.LOST
    assert (view.state, view.attempt, view.lost) == (State.QUEUED, 1, 1)
    [ended] = await harness.store.attempts(job)
    assert ended.outcome is Outcome.LOST


async def test_what_a_stop_ends_without_leave_to_retry_is_failed(harness: DispatcherHarness) -> None:
    manifest = harness.snapshot.plugins["echo"].manifest
    once = replace(manifest.commands["poll"], retry_safe=False)
    harness.configure_plugin("echo", manifest=replace(manifest, commands={**manifest.commands, "poll": once}))
    await harness.dispatcher.start()
    job = await harness.insert()
    await harness.execution(job)
    await harness.dispatcher.drain(0, asyncio.Event())
    view = await harness.job(job)
    assert view.state is State.FAILED
    assert "retry_safe" in str(view.error)


async def test_a_result_that_is_there_when_a_stop_runs_out_of_patience_is_kept(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    job = await harness.insert()
    running = await harness.execution(job)
    running.finish()
    await harness.dispatcher.drain(0, asyncio.Event())
    assert (await harness.job(job)).state is State.SUCCEEDED


async def test_a_stop_ends_although_the_store_cannot_commit(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    job = await harness.insert()
    running = await harness.execution(job)
    harness.store.failing = {"settle", "hold_lane", "release"}
    harness.reload(harness.snapshot_without("alias"))
    running.finish()
    await harness.until(lambda: {"settle", "hold_lane", "release"} <= set(harness.store.refused))
    await asyncio.wait_for(harness.dispatcher.drain(0, asyncio.Event()), 5)
    assert (await harness.job(job)).state is State.RUNNING, "the next start settles it as lost"
    assert harness.dispatcher._lane_mover._tasks == set()  # noqa: SLF001 - that nothing is written any more cannot be waited for


async def test_a_second_word_skips_the_wait(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    running = await harness.execution(await harness.insert())
    hurry = asyncio.Event()
    stopping = await harness.stop(600, hurry)
    assert running.stopped is None
    hurry.set()
    await stopping
    assert running.stopped is StopReason.LOST
