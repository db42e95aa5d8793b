"""The dispatcher: the ends of attempts, and faults inside the gateway."""

import pytest
from msgspec.structs import replace
from support.dispatch import DispatcherHarness

from ductile.model.job import MAX_LOST_ATTEMPTS, State
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import StopReason


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
