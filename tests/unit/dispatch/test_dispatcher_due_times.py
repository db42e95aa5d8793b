"""The dispatcher: jobs that are due later."""

from pathlib import Path

from support.dispatch import OK, Clock, DispatcherHarness, open_dispatcher

from ductile.model.clock import system_clock

THREE_BATCHES = 2 * 512 + 7
"""Jobs that take three batches."""


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
