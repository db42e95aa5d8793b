"""The report of each settled attempt."""

import pytest
from support.dispatch import OK, Clock, DispatcherHarness

from ductile.dispatch import attempt
from ductile.model.job import State
from ductile.plugin.runner.interface import StopReason


async def test_an_attempt_is_reported_with_its_outcome_its_time_and_how_long_its_job_waited(
    harness: DispatcherHarness,
) -> None:
    assert isinstance(harness.clock, Clock)
    job_id = await harness.insert()
    harness.clock.now += 1500
    await harness.dispatcher.start()
    running = await harness.execution(job_id)
    harness.clock.now += 250
    running.finish(OK)
    await harness.wait_for_state(job_id, State.SUCCEEDED)
    assert harness.settled == [("echo", "poll", "succeeded", 0.25, 1.5)]


async def test_a_second_attempt_waited_since_its_backoff_and_not_since_the_job_was_made(
    harness: DispatcherHarness,
) -> None:
    assert isinstance(harness.clock, Clock)
    harness.configure_plugin(backoff_base=0)
    harness.runner.answer = b'{"status":"error","error":"no"}'
    await harness.dispatcher.start()
    job_id = await harness.insert()
    await harness.wait_for_state(job_id, State.DEAD)
    assert [one[2:] for one in harness.settled] == [("failed", 0.0, 0.0)] * 4


async def test_a_lost_attempt_is_reported_and_a_late_result_is_not(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SETTLE_RETRY_SECONDS", 0.001)
    await harness.dispatcher.start()
    job_id = await harness.insert()
    running = await harness.execution(job_id)
    await harness.dispatcher.pause()  # so that it stays queued
    running.stop(StopReason.LOST)
    await harness.wait_for_state(job_id, State.QUEUED)
    assert [one[2] for one in harness.settled] == ["lost"]
