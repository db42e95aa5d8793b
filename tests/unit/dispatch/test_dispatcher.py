"""The dispatcher: races, waits and faults between the queue and its slots."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import OK, Clock, DispatcherHarness, open_dispatcher
from support.store import run

from ductile.dispatch import attempt, dispatcher, lane_mover
from ductile.model.clock import system_clock
from ductile.model.ids import new_id
from ductile.model.job import MAX_LOST_ATTEMPTS, Outcome, State
from ductile.model.notification import LaneDrained, LaneReady
from ductile.model.writes import Settlement
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import StopReason
from ductile.store.errors import StoreUnavailable
from ductile.store.meta import PAUSED_KEY, set_meta
from ductile.store.transaction import Tx
from ductile.submit import Options, Origin, submit_command

THREE_BATCHES = 2 * 512 + 7
"""Jobs that take three batches."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(lane_mover, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(attempt, "SETTLE_RETRY_SECONDS", 0.001)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DispatcherHarness]:
    async with open_dispatcher(tmp_path) as made:
        yield made


# ------------------------------------------------------------------ slots


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


# ------------------------------------------------------------------ cancelling


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


# ------------------------------------------------------------------ the store cannot commit


async def test_claims_wait_for_a_store_that_cannot_commit(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    harness.store.failing = {"claim"}
    job = await harness.insert()
    await harness.until(lambda: harness.store.refused.count("claim") > 2)
    assert harness.runner.runs == []
    harness.store.failing = set()
    await harness.execution(job)


async def test_a_result_waits_for_a_store_that_cannot_commit_and_is_not_made_again(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    job = await harness.insert()
    running = await harness.execution(job)
    harness.store.failing = {"settle"}
    running.finish()
    await harness.until(lambda: len(harness.store.refused) > 2)
    assert (await harness.job(job)).state is State.RUNNING
    harness.store.failing = set()
    assert (await harness.wait_for_state(job, State.SUCCEEDED)).attempt == 1
    assert len(harness.runner.runs) == 1


async def test_a_definition_that_cannot_be_read_now_fails_one_attempt_only(harness: DispatcherHarness) -> None:
    harness.configure_plugin("echo", backoff_base=0)
    harness.store.failing = {"definition"}
    graph = harness.snapshot.pipelines["two"]
    order = run(definition=graph.hash, definition_document=graph.document)
    steps = tuple(replace(step, step="l") for step in run("l").children)
    root = await harness.insert(
        order.plugin,
        order.command,
        event=order.event,
        definition=graph.hash,
        definition_document=graph.document,
        children=tuple(replace(step, event_id=order.event_id) for step in steps),
    )
    await harness.dispatcher.start()

    async def tried() -> bool:
        return bool(await harness.store.attempts(steps[0].id))

    await harness.until(tried)
    harness.store.failing = set()
    await harness.until(lambda: harness.runner.runs_of(steps[0].id))
    harness.runner.runs_of(steps[0].id)[-1].finish()
    await harness.wait_for_state(root, State.SUCCEEDED)


async def test_a_pause_that_cannot_be_made_durable_is_none(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    harness.store.failing = {"set_paused"}
    with pytest.raises(StoreUnavailable):
        await harness.dispatcher.pause()
    assert not harness.dispatcher.paused
    await harness.execution(await harness.insert())


# ------------------------------------------------------------------ pausing and stopping


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


# ------------------------------------------------------------------ what becomes of an attempt


async def test_the_fourth_lost_attempt_ends_a_job_dead(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    job = await harness.insert(max_attempts=1)
    for number in range(1, MAX_LOST_ATTEMPTS + 2):
        (await harness.execution(job, number)).stop(StopReason.LOST)
    view = await harness.wait_for_state(job, State.DEAD)
    assert (view.attempt, view.lost) == (4, 4)


async def test_a_start_that_fails_is_tried_again_even_where_a_retry_is_not_safe(harness: DispatcherHarness) -> None:
    manifest = harness.snapshot.plugins["echo"].manifest
    once = replace(manifest.commands["poll"], retry_safe=False)
    harness.configure_plugin(
        "echo", manifest=replace(manifest, commands={**manifest.commands, "poll": once}), backoff_base=0
    )
    harness.runner.failure = SpawnFailed(reason="no process is left")
    await harness.dispatcher.start()
    job = await harness.insert()

    async def tried() -> bool:
        return bool(await harness.store.attempts(job))

    await harness.until(tried)
    harness.runner.failure = None
    await harness.until(lambda: harness.runner.runs_of(job))
    harness.runner.runs_of(job)[0].finish()
    await harness.wait_for_state(job, State.SUCCEEDED)


@pytest.mark.parametrize(
    ("stdout", "error"),
    [
        (b'{"status": "ok", "result": 1, "state_updates": {"a": "%s"}}' % (b"x" * 1024 * 1024), "1048576"),
        (b'{"status": "ok", "result": %s1%s}' % (b"[" * 600, b"]" * 600), "cannot be carried on"),
        (b'{"status": %s1%s}' % (b"[" * 600, b"]" * 600), "cannot be shown again"),
        (b'{"status": "ok", "result": 1, "state_updates": {"a": %s1%s}}' % (b"[" * 210, b"]" * 210), "nests deeper"),
    ],
)
async def test_a_response_that_cannot_be_kept_fails_its_job_for_good(
    harness: DispatcherHarness, stdout: bytes, error: str
) -> None:
    await harness.dispatcher.start()
    job = await harness.insert()
    (await harness.execution(job)).finish(stdout)
    view = await harness.wait_for_state(job, State.FAILED)
    assert error in str(view.error)
    assert view.stdout == stdout.decode()


async def test_whatever_goes_wrong_in_settling_ends_the_job(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ductile.dispatch.settlement.StateUpdate", broken)
    await harness.dispatcher.start()
    job = await harness.insert()
    (await harness.execution(job)).finish(b'{"status": "ok", "result": 1, "state_updates": {"a": 1}}')
    assert "ZeroDivisionError" in str((await harness.wait_for_state(job, State.FAILED)).error)


# ------------------------------------------------------------------ due times


async def test_more_than_a_batch_of_jobs_due_at_once_all_run(harness: DispatcherHarness) -> None:
    clock = harness.clock
    assert isinstance(clock, Clock)
    harness.runner.answer = OK
    for n in range(THREE_BATCHES):
        await harness.insert(run_at=clock.now + 5 + n % 3)
    clock.now += 10
    await harness.dispatcher.start()
    await harness.wait_for_depth(succeeded=THREE_BATCHES)


async def test_an_earlier_due_time_does_not_wait_for_a_later_one(tmp_path: Path) -> None:
    async with open_dispatcher(tmp_path, system_clock) as harness:
        await harness.dispatcher.start()
        await harness.insert(run_at=system_clock() + 3_600_000)
        soon = await harness.insert(run_at=system_clock() + 30)
        sooner = await harness.insert(run_at=system_clock() + 10)
        await harness.execution(soon)
        assert [run.call.job_id for run in harness.runner.runs] == [sooner, soon]


async def test_there_is_one_timer_however_many_due_times_there_are(harness: DispatcherHarness) -> None:
    clock = harness.clock
    assert isinstance(clock, Clock)
    await harness.dispatcher.start()
    armed = []
    for hours in (3, 2, 1, 4):
        await harness.insert(run_at=clock.now + hours * 3_600_000)
        armed.append(harness.dispatcher._timer)  # noqa: SLF001 - what would fire in an hour cannot be waited for
    assert [timer is not None and timer.handle.cancelled() for timer in armed] == [True, True, False, False]


async def test_a_clock_that_jumps_ahead_is_noticed_within_the_tick_interval(harness: DispatcherHarness) -> None:
    clock = harness.clock
    assert isinstance(clock, Clock)
    harness.configure_service(tick_interval=5)
    await harness.dispatcher.start()
    job = await harness.insert(run_at=clock.now + 3_600_000)
    await harness.until(lambda: harness.store.written.count("promote") > 2)
    assert harness.runner.runs == []
    clock.now += 3_600_000
    await harness.execution(job)


async def test_a_clock_that_is_set_back_delays_a_job_and_loses_none(harness: DispatcherHarness) -> None:
    clock = harness.clock
    assert isinstance(clock, Clock)
    harness.configure_service(tick_interval=5)
    await harness.dispatcher.start()
    job = await harness.insert(run_at=clock.now + 20)
    clock.now -= 1000
    await harness.until(lambda: harness.store.written.count("promote") > 2)
    assert harness.runner.runs == []
    clock.now += 1020
    await harness.execution(job)


async def test_no_timer_runs_when_nothing_is_due(harness: DispatcherHarness) -> None:
    await harness.dispatcher.start()
    await harness.until(lambda: "promote" in harness.store.written)
    (await harness.execution(await harness.insert())).finish()
    await harness.wait_for_depth(succeeded=1)
    assert harness.dispatcher._timer is None  # noqa: SLF001 - that nothing will happen cannot be waited for


# ------------------------------------------------------------------ held jobs


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
