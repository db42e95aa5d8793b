"""The dispatcher: slots, claims and batches."""

import asyncio
import threading

import pytest
from msgspec.structs import replace
from support.dispatch import OK, DispatcherHarness

from ductile.model.ids import new_id
from ductile.model.job import State
from ductile.model.notification import LaneDrained, LaneReady
from ductile.store.errors import StoreUnavailable
from ductile.store.transaction import Tx
from ductile.submit import Options, Origin, submit_command

THREE_BATCHES = 2 * 512 + 7
"""Jobs that take three batches."""


def hold_writer(_tx: Tx, release: threading.Event) -> None:
    release.wait(10)


async def trigger(harness: DispatcherHarness) -> str:
    origin = Origin(principal="token:t", submitted_by="api")
    job_id = new_id()
    await submit_command(
        harness.store,
        harness.snapshot,
        "echo",
        "poll",
        {},
        options=Options(),
        origin=origin,
        job_id=job_id,
        now=harness.clock(),
    )
    return job_id


async def test_a_lane_and_the_whole_never_run_more_than_their_slots_and_a_free_one_is_taken_at_once(
    harness: DispatcherHarness,
) -> None:
    harness.configure_plugin("echo", parallelism=2)
    harness.configure_service(max_workers=3)
    await harness.dispatcher.start()
    first = [await harness.insert("echo") for _ in range(4)]
    await harness.execution(first[1])
    others = [await harness.insert("alias") for _ in range(2)]
    await harness.execution(others[0])
    assert len(harness.runner.runs) == 3
    (await harness.execution(first[0])).finish()
    await harness.execution(first[2])
    assert not harness.runner.runs_of(first[3])
    assert not harness.runner.runs_of(others[1])
    assert harness.dispatcher.running == 3


async def test_a_submitted_job_and_its_claim_are_written_in_one_batch(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    commits: list[set[type]] = []
    harness.store.on_commit(lambda signals: commits.append({type(signal) for signal in signals}))
    release = threading.Event()
    held_up = asyncio.ensure_future(harness.store.write(hold_writer, release))
    submitted = asyncio.create_task(trigger(harness))
    for _ in range(5):  # turns of the loop, in which the claim is asked for
        await asyncio.sleep(0)
    release.set()
    await harness.execution(await submitted)
    await held_up
    assert any({LaneReady, LaneDrained} <= commit for commit in commits)


async def test_a_submit_that_cannot_be_written_starts_nothing(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    harness.store.failing.add("insert_start")
    with pytest.raises(StoreUnavailable):
        await trigger(harness)
    harness.store.failing.clear()
    await harness.execution(await trigger(harness))
    assert len(harness.runner.runs) == 1


async def test_a_place_is_free_as_soon_as_its_process_is_gone(harness: DispatcherHarness) -> None:
    harness.configure_plugin("echo", parallelism=2)
    harness.configure_service(max_workers=1)
    harness.store.held_back["settle"] = asyncio.Event()  # never set: the settlement is written, and nobody is told
    await harness.dispatcher.start()
    first, second = [await harness.insert() for _ in range(2)]
    (await harness.execution(first)).finish()
    assert (await harness.execution(second)).request["attempt"] == 1
    harness.store.held_back["settle"].set()


async def test_where_one_runs_at_a_time_the_next_waits_for_what_the_last_has_left_behind(
    harness: DispatcherHarness,
) -> None:
    harness.configure_plugin("echo", parallelism=1)
    harness.store.held_back["settle"] = asyncio.Event()
    await harness.dispatcher.start()
    first, second = [await harness.insert() for _ in range(2)]
    (await harness.execution(first)).finish()
    await harness.until(lambda: "settle" in harness.store.written)
    await harness.execution(
        await harness.insert("alias")
    )  # a claim later than any that the end of the first could have caused
    assert not harness.runner.runs_of(second)
    harness.store.held_back["settle"].set()
    await harness.execution(second)


async def test_thousands_of_jobs_of_one_lane_all_run_and_each_once(harness: DispatcherHarness) -> None:
    harness.configure_plugin("echo", parallelism=2)
    harness.runner.answer = OK
    jobs = [await harness.insert() for _ in range(THREE_BATCHES)]
    await harness.dispatcher.start()
    await harness.wait_for_depth(succeeded=THREE_BATCHES)
    assert [run.call.job_id for run in harness.runner.runs] == jobs


async def test_fewer_workers_after_a_reload_start_no_more_until_there_is_room(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    jobs = [await harness.insert() for _ in range(3)]
    await harness.execution(jobs[2])
    harness.reload(replace(harness.snapshot, service=replace(harness.snapshot.service, max_workers=1)))
    last = await harness.insert()
    for job in jobs[:2]:
        (await harness.execution(job)).finish()
        await harness.wait_for_state(job, State.SUCCEEDED)
    assert not harness.runner.runs_of(last)
    (await harness.execution(jobs[2])).finish()
    await harness.execution(last)
