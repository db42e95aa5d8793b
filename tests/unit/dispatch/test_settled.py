"""What is told of each attempt that was settled."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.dispatch import OK, Clock, Desk, desk

from ductile.dispatch import attempt
from ductile.model.job import State
from ductile.plugin.runner.call import Stop


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


async def test_an_attempt_is_told_with_its_outcome_its_time_and_how_long_its_job_waited(at: Desk) -> None:
    assert isinstance(at.clock, Clock)
    job_id = await at.insert()
    at.clock.now += 1500
    await at.dispatcher.start()
    running = await at.running(job_id)
    at.clock.now += 250
    running.finish(OK)
    await at.state(job_id, State.SUCCEEDED)
    assert at.settled == [("echo", "poll", "succeeded", 0.25, 1.5)]


async def test_a_second_attempt_waited_since_its_backoff_and_not_since_the_job_was_made(at: Desk) -> None:
    assert isinstance(at.clock, Clock)
    at.settings(backoff_base=0)
    at.runner.answer = b'{"status":"error","error":"no"}'
    await at.dispatcher.start()
    job_id = await at.insert()
    await at.state(job_id, State.DEAD)
    assert [one[2:] for one in at.settled] == [("failed", 0.0, 0.0)] * 4


async def test_a_lost_attempt_is_told_and_a_late_result_is_not(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "SETTLE_RETRY", 0.001)
    await at.dispatcher.start()
    job_id = await at.insert()
    running = await at.running(job_id)
    await at.dispatcher.pause()  # so that it stays queued
    running.stop(Stop.LOST)
    await at.state(job_id, State.QUEUED)
    assert [one[2] for one in at.settled] == ["lost"]
