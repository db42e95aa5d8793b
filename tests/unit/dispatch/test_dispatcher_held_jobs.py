"""The dispatcher: jobs that are held and released."""

import asyncio

from msgspec.structs import replace
from support.dispatch import OK, Clock, DispatcherHarness
from support.store import run

from ductile.model.job import State

THREE_BATCHES = 2 * 512 + 7
"""Jobs that take three batches."""


async def test_jobs_of_a_plugin_that_goes_are_held_a_batch_at_a_time_and_come_back_with_it(
    harness: DispatcherHarness,
) -> None:
    await harness.dispatcher.start()
    await harness.dispatcher.pause()
    for _ in range(THREE_BATCHES):
        await harness.insert()
    there = harness.snapshot
    harness.reload(harness.snapshot_without("echo"))
    await harness.wait_for_depth(held=THREE_BATCHES)
    harness.runner.answer = OK
    await harness.dispatcher.resume()
    harness.reload(there)
    await harness.wait_for_depth(succeeded=THREE_BATCHES)


async def test_a_plugin_that_is_back_before_all_its_jobs_were_held_leaves_none_held(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    await harness.dispatcher.pause()
    for _ in range(THREE_BATCHES):
        await harness.insert()
    there = harness.snapshot
    harness.store.held_back["hold_lane"] = asyncio.Event()
    harness.reload(harness.snapshot_without("echo"))
    await harness.until(lambda: "hold_lane" in harness.store.written)
    harness.store.written.clear()
    harness.reload(there)
    await harness.until(lambda: harness.store.written.count("release") >= 2)
    harness.store.held_back["hold_lane"].set()
    await harness.wait_for_depth(queued=THREE_BATCHES)
    harness.runner.answer = OK
    await harness.dispatcher.resume()
    await harness.wait_for_depth(succeeded=THREE_BATCHES)


async def test_a_hold_that_waited_for_the_store_does_not_hold_what_is_back(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    await harness.dispatcher.pause()
    job = await harness.insert()
    there = harness.snapshot
    harness.store.failing = {"hold_lane"}
    harness.reload(harness.snapshot_without("echo"))
    await harness.until(lambda: "hold_lane" in harness.store.refused)
    harness.reload(there)
    harness.store.written.clear()
    harness.store.failing = set()
    await harness.until(lambda: "hold_lane" in harness.store.written)
    await harness.dispatcher.resume()
    await harness.execution(job)


async def test_what_was_not_held_in_time_runs_as_soon_as_its_plugin_is_back(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    there = harness.snapshot
    harness.reload(harness.snapshot_without("echo"))
    harness.store.failing = {"hold_lane"}
    job = await harness.insert()
    await harness.until(lambda: harness.store.refused.count("hold_lane") > 1)
    harness.reload(there)
    await harness.execution(job)


async def test_a_plugin_that_goes_again_during_the_release_has_its_jobs_held_once_more(
    harness: DispatcherHarness,
) -> None:
    there = harness.snapshot
    for _ in range(THREE_BATCHES):
        await harness.insert()
    harness.snapshot = harness.snapshot_without("echo")
    await harness.dispatcher.start()
    await harness.wait_for_depth(held=THREE_BATCHES)
    await harness.dispatcher.pause()
    harness.store.held_back["release"] = asyncio.Event()
    harness.store.written.clear()
    harness.reload(there)
    await harness.until(lambda: "release" in harness.store.written)
    harness.reload(harness.snapshot_without("echo"))
    harness.store.held_back["release"].set()
    await harness.wait_for_depth(held=THREE_BATCHES)
    assert harness.store.written.count("release") <= 3, "nothing is let go that would be held at once"


async def test_a_job_that_is_not_yet_due_is_held_when_it_is(harness: DispatcherHarness) -> None:
    clock = harness.clock
    assert isinstance(clock, Clock)
    harness.configure_service(tick_interval=5)
    await harness.dispatcher.start()
    job = await harness.insert(run_at=clock.now + 100)
    there = harness.snapshot
    harness.reload(harness.snapshot_without("echo"))
    await harness.until(lambda: "hold_lane" in harness.store.written)
    assert (await harness.job(job)).state is State.QUEUED
    clock.now += 100
    assert (await harness.wait_for_state(job, State.HELD)).held_reason == "plugin_unavailable"
    harness.reload(there)
    await harness.execution(job)


async def test_a_command_that_is_gone_holds_its_jobs_alone(harness: DispatcherHarness) -> None:
    manifest = harness.snapshot.plugins["echo"].manifest
    there = harness.snapshot
    commands = {name: command for name, command in manifest.commands.items() if name != "poll"}
    harness.configure_plugin("echo", manifest=replace(manifest, commands=commands))
    await harness.dispatcher.start()
    gone, stays = await harness.insert(command="poll"), await harness.insert(command="peek")
    await harness.execution(stays)
    await harness.wait_for_state(gone, State.HELD)
    harness.reload(replace(there, generation=3))
    await harness.execution(gone)


async def test_a_step_is_held_too_and_goes_on_by_the_definition_of_its_run(harness: DispatcherHarness) -> None:
    graph = harness.snapshot.pipelines["async"]
    order = run()
    [step] = run("only").children
    there = harness.snapshot
    harness.snapshot = harness.snapshot_without("echo")
    await harness.dispatcher.start()
    root = await harness.insert(
        order.plugin,
        order.command,
        event=order.event,
        definition=graph.hash,
        definition_document=graph.document,
        children=(replace(step, event_id=order.event_id, command="poll"),),
    )
    await harness.wait_for_state(step.id, State.HELD)
    harness.reload(replace(there, pipelines={}))
    (await harness.execution(step.id)).finish()
    await harness.wait_for_state(root, State.SUCCEEDED)
