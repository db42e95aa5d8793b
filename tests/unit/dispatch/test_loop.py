"""The dispatcher: races, waits and faults between the queue and its slots."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import OK, Clock, Desk, desk
from support.store import run

from ductile.dispatch import attempt, chores, loop
from ductile.model.clock import system_clock
from ductile.model.ids import new_id
from ductile.model.job import MAX_LOST, Outcome, State
from ductile.model.order import Settlement
from ductile.model.signal import Drained, Ready
from ductile.plugin.runner.call import Stop
from ductile.plugin.runner.errors import SpawnFailed
from ductile.store.cancel import cancel
from ductile.store.errors import StoreUnavailable
from ductile.store.meta import PAUSED_KEY, set_meta
from ductile.store.settle import settle
from ductile.store.sqlite.transaction import Tx
from ductile.submit import Options, Origin, submit_command

MANY = 2 * 512 + 7
"""Jobs that take three batches."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(chores, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(attempt, "SETTLE_RETRY", 0.001)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


# ------------------------------------------------------------------ slots


async def test_a_lane_and_the_whole_never_run_more_than_their_slots_and_a_free_one_is_taken_at_once(at: Desk) -> None:
    at.settings("echo", parallelism=2)
    at.service(max_workers=3)
    await at.dispatcher.start()
    first = [await at.insert("echo") for _ in range(4)]
    await at.running(first[1])
    others = [await at.insert("alias") for _ in range(2)]
    await at.running(others[0])
    assert len(at.runner.runs) == 3
    (await at.running(first[0])).finish()
    await at.running(first[2])
    assert not at.runner.of(first[3])
    assert not at.runner.of(others[1])
    assert at.dispatcher.running == 3


def hold_up(_tx: Tx, release: threading.Event) -> None:
    release.wait(10)


async def trigger(at: Desk) -> str:
    origin = Origin(principal="token:t", submitted_by="api")
    job_id = new_id()
    await submit_command(
        at.store, at.snapshot, "echo", "poll", {}, options=Options(), origin=origin, job_id=job_id, now=at.clock()
    )
    return job_id


async def test_a_submitted_job_and_its_claim_are_written_in_one_batch(at: Desk) -> None:
    await at.dispatcher.start()
    commits: list[set[type]] = []
    at.store.on_commit(lambda signals: commits.append({type(signal) for signal in signals}))
    release = threading.Event()
    held_up = asyncio.ensure_future(at.store.write(hold_up, release))
    submitted = asyncio.create_task(trigger(at))
    for _ in range(5):  # turns of the loop, in which the claim is asked for
        await asyncio.sleep(0)
    release.set()
    await at.running(await submitted)
    await held_up
    assert any({Ready, Drained} <= commit for commit in commits)


async def test_a_submit_that_cannot_be_written_starts_nothing(at: Desk) -> None:
    await at.dispatcher.start()
    at.store.broken.add("insert_start")
    with pytest.raises(StoreUnavailable):
        await trigger(at)
    at.store.broken.clear()
    await at.running(await trigger(at))
    assert len(at.runner.runs) == 1


async def test_a_place_is_free_as_soon_as_its_process_is_gone(at: Desk) -> None:
    at.settings("echo", parallelism=2)
    at.service(max_workers=1)
    at.store.late["settle"] = asyncio.Event()  # never set: the settlement is written, and nobody is told
    await at.dispatcher.start()
    first, second = [await at.insert() for _ in range(2)]
    (await at.running(first)).finish()
    assert (await at.running(second)).request["attempt"] == 1
    at.store.late["settle"].set()


async def test_where_one_runs_at_a_time_the_next_waits_for_what_the_last_has_left_behind(at: Desk) -> None:
    at.settings("echo", parallelism=1)
    at.store.late["settle"] = asyncio.Event()
    await at.dispatcher.start()
    first, second = [await at.insert() for _ in range(2)]
    (await at.running(first)).finish()
    await at.until(lambda: "settle" in at.store.written)
    await at.running(await at.insert("alias"))  # a claim later than any that the end of the first could have caused
    assert not at.runner.of(second)
    at.store.late["settle"].set()
    await at.running(second)


async def test_thousands_of_jobs_of_one_lane_all_run_and_each_once(at: Desk) -> None:
    at.settings("echo", parallelism=2)
    at.runner.answer = OK
    jobs = [await at.insert() for _ in range(MANY)]
    await at.dispatcher.start()
    await at.depth(succeeded=MANY)
    assert [run.call.job_id for run in at.runner.runs] == jobs


async def test_fewer_workers_after_a_reload_start_no_more_until_there_is_room(at: Desk) -> None:
    await at.dispatcher.start()
    jobs = [await at.insert() for _ in range(3)]
    await at.running(jobs[2])
    at.reload(replace(at.snapshot, service=replace(at.snapshot.service, max_workers=1)))
    last = await at.insert()
    for job in jobs[:2]:
        (await at.running(job)).finish()
        await at.state(job, State.SUCCEEDED)
    assert not at.runner.of(last)
    (await at.running(jobs[2])).finish()
    await at.running(last)


# ------------------------------------------------------------------ cancelling


async def test_a_running_attempt_is_stopped_by_a_cancel(at: Desk) -> None:
    await at.dispatcher.start()
    job = await at.insert()
    running = await at.running(job)
    await at.store.write(cancel, job)
    assert (await at.state(job, State.CANCELLED)).error == "cancelled"
    assert running.stopped is Stop.CANCELLED


async def test_a_cancelled_attempt_keeps_its_slot_until_it_is_reaped(at: Desk) -> None:
    at.service(max_workers=1)
    at.runner.obedient = False
    await at.dispatcher.start()
    job, waiting = await at.insert(), await at.insert()
    running = await at.running(job)
    await at.store.write(cancel, job)
    assert running.stopped is Stop.CANCELLED
    assert (at.dispatcher.running, at.runner.of(waiting)) == (1, [])
    running.finish(b"", exit_code=-9)
    await at.running(waiting)
    assert (await at.job(job)).state is State.CANCELLED


async def test_a_cancel_between_a_claim_and_its_start_keeps_it_from_starting(at: Desk) -> None:
    at.store.late["claim"] = asyncio.Event()
    await at.dispatcher.start()
    job = await at.insert()
    await at.state(job, State.RUNNING)
    assert await at.store.write(cancel, job) is State.RUNNING
    at.store.late["claim"].set()
    view = await at.state(job, State.CANCELLED)
    assert view.error == "cancelled before it started"
    assert at.runner.runs == []


async def test_a_result_that_comes_after_its_attempt_was_given_up_is_dropped_and_frees_its_slot(at: Desk) -> None:
    at.service(max_workers=1)
    await at.dispatcher.start()
    job = await at.insert()
    running = await at.running(job)
    (claimed,) = await at.store.running_jobs()
    lost = Settlement(
        job=claimed,
        outcome=Outcome.LOST,
        state=State.FAILED,
        started_at=1,
        runner="",
        generation=1,
        error="given up",
    )
    await at.store.write(settle, lost)
    running.finish()
    await at.running(await at.insert())
    assert (await at.job(job)).error == "given up"


# ------------------------------------------------------------------ the store cannot commit


async def test_claims_wait_for_a_store_that_cannot_commit(at: Desk) -> None:
    await at.dispatcher.start()
    at.store.broken = {"claim"}
    job = await at.insert()
    await at.until(lambda: at.store.refused.count("claim") > 2)
    assert at.runner.runs == []
    at.store.broken = set()
    await at.running(job)


async def test_a_result_waits_for_a_store_that_cannot_commit_and_is_not_made_again(at: Desk) -> None:
    await at.dispatcher.start()
    job = await at.insert()
    running = await at.running(job)
    at.store.broken = {"settle"}
    running.finish()
    await at.until(lambda: len(at.store.refused) > 2)
    assert (await at.job(job)).state is State.RUNNING
    at.store.broken = set()
    assert (await at.state(job, State.SUCCEEDED)).attempt == 1
    assert len(at.runner.runs) == 1


async def test_a_definition_that_cannot_be_read_now_fails_one_attempt_only(at: Desk) -> None:
    at.settings("echo", backoff_base=0)
    at.store.broken = {"definition"}
    graph = at.snapshot.pipelines["two"]
    order = run(definition=graph.hash, definition_document=graph.document)
    steps = tuple(replace(step, step="l") for step in run("l").children)
    root = await at.insert(
        order.plugin,
        order.command,
        event=order.event,
        definition=graph.hash,
        definition_document=graph.document,
        children=tuple(replace(step, event_id=order.event_id) for step in steps),
    )
    await at.dispatcher.start()

    async def tried() -> bool:
        return bool(await at.store.attempts(steps[0].id))

    await at.until(tried)
    at.store.broken = set()
    await at.until(lambda: at.runner.of(steps[0].id))
    at.runner.of(steps[0].id)[-1].finish()
    await at.state(root, State.SUCCEEDED)


async def test_a_pause_that_cannot_be_made_durable_is_none(at: Desk) -> None:
    await at.dispatcher.start()
    at.store.broken = {"set_paused"}
    with pytest.raises(StoreUnavailable):
        await at.dispatcher.pause()
    assert not at.dispatcher.paused
    await at.running(await at.insert())


# ------------------------------------------------------------------ pausing and stopping


async def test_a_pause_behind_a_resume_holds(at: Desk) -> None:
    await at.dispatcher.pause()
    await asyncio.gather(at.dispatcher.resume(), at.dispatcher.pause())
    assert at.dispatcher.paused
    assert await at.store.meta(PAUSED_KEY) == "1"


async def test_nothing_is_claimed_from_the_moment_a_pause_is_asked_for(at: Desk) -> None:
    await at.dispatcher.start()
    at.store.late["set_paused"] = asyncio.Event()
    pausing = asyncio.create_task(at.dispatcher.pause())
    await at.until(lambda: "set_paused" in at.store.written)
    job = await at.insert()
    at.store.late["set_paused"].set()
    await pausing
    await at.store.write(set_meta, "probe", "1")  # whatever was claimed behind the pause stands before this
    assert (await at.job(job)).state is State.QUEUED
    await at.dispatcher.resume()
    await at.running(job)


async def test_a_pause_outlives_the_dispatcher(at: Desk, tmp_path: Path) -> None:
    await at.dispatcher.pause()
    again = Desk(at.store, at.clock, tmp_path)
    await again.dispatcher.start()
    assert again.dispatcher.paused
    await again.dispatcher.drain(0, asyncio.Event())


async def test_a_stop_waits_for_what_runs_and_claims_nothing_more(at: Desk) -> None:
    at.service(max_workers=1)
    await at.dispatcher.start()
    job, waiting = await at.insert(), await at.insert()
    running = await at.running(job)
    stopping = await at.stop(60)
    await at.insert("alias")
    for _ in range(10):  # turns of the loop, in which it would stop the attempt or claim another
        await asyncio.sleep(0)
    assert running.stopped is None
    running.finish()
    await stopping
    assert len(at.runner.runs) == 1
    assert ((await at.job(job)).state, (await at.job(waiting)).state) == (State.SUCCEEDED, State.QUEUED)
    assert running.stopped is None


async def test_a_stop_does_not_take_up_a_claim_that_waited_for_the_store(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STORE_RETRY_SECONDS", 600)
    await at.dispatcher.start()
    at.store.broken = {"claim"}
    job = await at.insert()
    await at.until(lambda: "claim" in at.store.refused)
    at.store.broken = set()
    await at.dispatcher.drain(0, asyncio.Event())
    view = await at.job(job)
    assert (view.state, view.attempt) == (State.QUEUED, 0)


async def test_a_stop_takes_a_claim_in_flight_along(at: Desk) -> None:
    at.store.late["claim"] = asyncio.Event()
    await at.dispatcher.start()
    job = await at.insert()
    await at.state(job, State.RUNNING)
    stopping = await at.stop(60)
    at.store.late["claim"].set()
    (await at.running(job)).finish()
    await stopping
    assert (await at.job(job)).state is State.SUCCEEDED


async def test_what_a_stop_ends_is_lost_and_queued_again_without_using_up_an_attempt(at: Desk) -> None:
    await at.dispatcher.start()
    job = await at.insert(max_attempts=1)
    running = await at.running(job)
    await at.dispatcher.drain(0, asyncio.Event())
    view = await at.job(job)
    assert running.stopped is Stop.LOST
    assert (view.state, view.attempt, view.lost) == (State.QUEUED, 1, 1)
    [ended] = await at.store.attempts(job)
    assert ended.outcome is Outcome.LOST


async def test_what_a_stop_ends_without_leave_to_retry_is_failed(at: Desk) -> None:
    manifest = at.snapshot.plugins["echo"].manifest
    once = replace(manifest.commands["poll"], retry_safe=False)
    at.settings("echo", manifest=replace(manifest, commands={**manifest.commands, "poll": once}))
    await at.dispatcher.start()
    job = await at.insert()
    await at.running(job)
    await at.dispatcher.drain(0, asyncio.Event())
    view = await at.job(job)
    assert view.state is State.FAILED
    assert "retry_safe" in str(view.error)


async def test_a_result_that_is_there_when_a_stop_runs_out_of_patience_is_kept(at: Desk) -> None:
    await at.dispatcher.start()
    job = await at.insert()
    running = await at.running(job)
    running.finish()
    await at.dispatcher.drain(0, asyncio.Event())
    assert (await at.job(job)).state is State.SUCCEEDED


async def test_a_stop_ends_although_the_store_cannot_commit(at: Desk) -> None:
    await at.dispatcher.start()
    job = await at.insert()
    running = await at.running(job)
    at.store.broken = {"settle", "hold_lane", "release"}
    at.reload(at.without("alias"))
    running.finish()
    await at.until(lambda: {"settle", "hold_lane", "release"} <= set(at.store.refused))
    await asyncio.wait_for(at.dispatcher.drain(0, asyncio.Event()), 5)
    assert (await at.job(job)).state is State.RUNNING, "the next start settles it as lost"
    assert at.dispatcher._chores._tasks == set()  # noqa: SLF001 - that nothing is written any more cannot be waited for


async def test_a_second_word_skips_the_wait(at: Desk) -> None:
    await at.dispatcher.start()
    running = await at.running(await at.insert())
    hurry = asyncio.Event()
    stopping = await at.stop(600, hurry)
    assert running.stopped is None
    hurry.set()
    await stopping
    assert running.stopped is Stop.LOST


# ------------------------------------------------------------------ what becomes of an attempt


async def test_the_fourth_lost_attempt_ends_a_job_dead(at: Desk) -> None:
    await at.dispatcher.start()
    job = await at.insert(max_attempts=1)
    for number in range(1, MAX_LOST + 2):
        (await at.running(job, number)).stop(Stop.LOST)
    view = await at.state(job, State.DEAD)
    assert (view.attempt, view.lost) == (4, 4)


async def test_a_start_that_fails_is_tried_again_even_where_a_retry_is_not_safe(at: Desk) -> None:
    manifest = at.snapshot.plugins["echo"].manifest
    once = replace(manifest.commands["poll"], retry_safe=False)
    at.settings("echo", manifest=replace(manifest, commands={**manifest.commands, "poll": once}), backoff_base=0)
    at.runner.failure = SpawnFailed(reason="no process is left")
    await at.dispatcher.start()
    job = await at.insert()

    async def tried() -> bool:
        return bool(await at.store.attempts(job))

    await at.until(tried)
    at.runner.failure = None
    await at.until(lambda: at.runner.of(job))
    at.runner.of(job)[0].finish()
    await at.state(job, State.SUCCEEDED)


@pytest.mark.parametrize(
    ("stdout", "error"),
    [
        (b'{"status": "ok", "result": 1, "state_updates": {"a": "%s"}}' % (b"x" * 1024 * 1024), "1048576"),
        (b'{"status": "ok", "result": %s1%s}' % (b"[" * 600, b"]" * 600), "cannot be carried on"),
        (b'{"status": %s1%s}' % (b"[" * 600, b"]" * 600), "cannot be shown again"),
        (b'{"status": "ok", "result": 1, "state_updates": {"a": %s1%s}}' % (b"[" * 210, b"]" * 210), "nests deeper"),
    ],
)
async def test_a_response_that_cannot_be_kept_fails_its_job_for_good(at: Desk, stdout: bytes, error: str) -> None:
    await at.dispatcher.start()
    job = await at.insert()
    (await at.running(job)).finish(stdout)
    view = await at.state(job, State.FAILED)
    assert error in str(view.error)
    assert view.stdout == stdout.decode()


async def test_whatever_goes_wrong_in_settling_ends_the_job(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ductile.dispatch.settle.StateUpdate", broken)
    await at.dispatcher.start()
    job = await at.insert()
    (await at.running(job)).finish(b'{"status": "ok", "result": 1, "state_updates": {"a": 1}}')
    assert "ZeroDivisionError" in str((await at.state(job, State.FAILED)).error)


# ------------------------------------------------------------------ due times


async def test_more_than_a_batch_of_jobs_due_at_once_all_run(at: Desk) -> None:
    clock = at.clock
    assert isinstance(clock, Clock)
    at.runner.answer = OK
    for n in range(MANY):
        await at.insert(run_at=clock.now + 5 + n % 3)
    clock.now += 10
    await at.dispatcher.start()
    await at.depth(succeeded=MANY)


async def test_an_earlier_due_time_does_not_wait_for_a_later_one(tmp_path: Path) -> None:
    async with desk(tmp_path, system_clock) as at:
        await at.dispatcher.start()
        await at.insert(run_at=system_clock() + 3_600_000)
        soon = await at.insert(run_at=system_clock() + 30)
        sooner = await at.insert(run_at=system_clock() + 10)
        await at.running(soon)
        assert [run.call.job_id for run in at.runner.runs] == [sooner, soon]


async def test_there_is_one_timer_however_many_due_times_there_are(at: Desk) -> None:
    clock = at.clock
    assert isinstance(clock, Clock)
    await at.dispatcher.start()
    armed = []
    for hours in (3, 2, 1, 4):
        await at.insert(run_at=clock.now + hours * 3_600_000)
        armed.append(at.dispatcher._timer)  # noqa: SLF001 - what would fire in an hour cannot be waited for
    assert [timer is not None and timer.handle.cancelled() for timer in armed] == [True, True, False, False]


async def test_a_clock_that_jumps_ahead_is_noticed_within_the_tick_interval(at: Desk) -> None:
    clock = at.clock
    assert isinstance(clock, Clock)
    at.service(tick_interval=5)
    await at.dispatcher.start()
    job = await at.insert(run_at=clock.now + 3_600_000)
    await at.until(lambda: at.store.written.count("promote") > 2)
    assert at.runner.runs == []
    clock.now += 3_600_000
    await at.running(job)


async def test_a_clock_that_is_set_back_delays_a_job_and_loses_none(at: Desk) -> None:
    clock = at.clock
    assert isinstance(clock, Clock)
    at.service(tick_interval=5)
    await at.dispatcher.start()
    job = await at.insert(run_at=clock.now + 20)
    clock.now -= 1000
    await at.until(lambda: at.store.written.count("promote") > 2)
    assert at.runner.runs == []
    clock.now += 1020
    await at.running(job)


async def test_no_timer_runs_when_nothing_is_due(at: Desk) -> None:
    await at.dispatcher.start()
    await at.until(lambda: "promote" in at.store.written)
    (await at.running(await at.insert())).finish()
    await at.depth(succeeded=1)
    assert at.dispatcher._timer is None  # noqa: SLF001 - that nothing will happen cannot be waited for


# ------------------------------------------------------------------ held jobs


async def test_jobs_of_a_plugin_that_goes_are_held_a_batch_at_a_time_and_come_back_with_it(at: Desk) -> None:
    await at.dispatcher.start()
    await at.dispatcher.pause()
    for _ in range(MANY):
        await at.insert()
    there = at.snapshot
    at.reload(at.without("echo"))
    await at.depth(held=MANY)
    at.runner.answer = OK
    await at.dispatcher.resume()
    at.reload(there)
    await at.depth(succeeded=MANY)


async def test_a_plugin_that_is_back_before_all_its_jobs_were_held_leaves_none_held(at: Desk) -> None:
    await at.dispatcher.start()
    await at.dispatcher.pause()
    for _ in range(MANY):
        await at.insert()
    there = at.snapshot
    at.store.late["hold_lane"] = asyncio.Event()
    at.reload(at.without("echo"))
    await at.until(lambda: "hold_lane" in at.store.written)
    at.store.written.clear()
    at.reload(there)
    await at.until(lambda: at.store.written.count("release") >= 2)
    at.store.late["hold_lane"].set()
    await at.depth(queued=MANY)
    at.runner.answer = OK
    await at.dispatcher.resume()
    await at.depth(succeeded=MANY)


async def test_a_hold_that_waited_for_the_store_does_not_hold_what_is_back(at: Desk) -> None:
    await at.dispatcher.start()
    await at.dispatcher.pause()
    job = await at.insert()
    there = at.snapshot
    at.store.broken = {"hold_lane"}
    at.reload(at.without("echo"))
    await at.until(lambda: "hold_lane" in at.store.refused)
    at.reload(there)
    at.store.written.clear()
    at.store.broken = set()
    await at.until(lambda: "hold_lane" in at.store.written)
    await at.dispatcher.resume()
    await at.running(job)


async def test_what_was_not_held_in_time_runs_as_soon_as_its_plugin_is_back(at: Desk) -> None:
    await at.dispatcher.start()
    there = at.snapshot
    at.reload(at.without("echo"))
    at.store.broken = {"hold_lane"}
    job = await at.insert()
    await at.until(lambda: at.store.refused.count("hold_lane") > 1)
    at.reload(there)
    await at.running(job)


async def test_a_plugin_that_goes_again_during_the_release_has_its_jobs_held_once_more(at: Desk) -> None:
    there = at.snapshot
    for _ in range(MANY):
        await at.insert()
    at.snapshot = at.without("echo")
    await at.dispatcher.start()
    await at.depth(held=MANY)
    await at.dispatcher.pause()
    at.store.late["release"] = asyncio.Event()
    at.store.written.clear()
    at.reload(there)
    await at.until(lambda: "release" in at.store.written)
    at.reload(at.without("echo"))
    at.store.late["release"].set()
    await at.depth(held=MANY)
    assert at.store.written.count("release") <= 3, "nothing is let go that would be held at once"


async def test_a_job_that_is_not_yet_due_is_held_when_it_is(at: Desk) -> None:
    clock = at.clock
    assert isinstance(clock, Clock)
    at.service(tick_interval=5)
    await at.dispatcher.start()
    job = await at.insert(run_at=clock.now + 100)
    there = at.snapshot
    at.reload(at.without("echo"))
    await at.until(lambda: "hold_lane" in at.store.written)
    assert (await at.job(job)).state is State.QUEUED
    clock.now += 100
    assert (await at.state(job, State.HELD)).held_reason == "plugin_unavailable"
    at.reload(there)
    await at.running(job)


async def test_a_command_that_is_gone_holds_its_jobs_alone(at: Desk) -> None:
    manifest = at.snapshot.plugins["echo"].manifest
    there = at.snapshot
    commands = {name: command for name, command in manifest.commands.items() if name != "poll"}
    at.settings("echo", manifest=replace(manifest, commands=commands))
    await at.dispatcher.start()
    gone, stays = await at.insert(command="poll"), await at.insert(command="peek")
    await at.running(stays)
    await at.state(gone, State.HELD)
    at.reload(replace(there, generation=3))
    await at.running(gone)


async def test_a_step_is_held_too_and_goes_on_by_the_definition_of_its_run(at: Desk) -> None:
    graph = at.snapshot.pipelines["async"]
    order = run()
    [step] = run("only").children
    there = at.snapshot
    at.snapshot = at.without("echo")
    await at.dispatcher.start()
    root = await at.insert(
        order.plugin,
        order.command,
        event=order.event,
        definition=graph.hash,
        definition_document=graph.document,
        children=(replace(step, event_id=order.event_id, command="poll"),),
    )
    await at.state(step.id, State.HELD)
    at.reload(replace(there, pipelines={}))
    (await at.running(step.id)).finish()
    await at.state(root, State.SUCCEEDED)
