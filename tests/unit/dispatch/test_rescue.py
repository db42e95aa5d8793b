"""What a gateway does for the attempts that the last one left running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import Desk, desk
from support.store import run

from ductile.dispatch.rescue import rescue
from ductile.model.job import Outcome, State
from ductile.store.cancel import cancel
from ductile.store.claim import claim


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


async def left_running(at: Desk, n: int = 1) -> None:
    claims = await at.store.write(claim, {"echo": n}, n, lambda _job: None)
    assert len(claims.claimed) == n


async def rescued(at: Desk) -> int:
    return await rescue(at.store, at.snapshot, "no-such-instance", at.clock())


async def test_a_running_attempt_is_lost_and_its_job_queued_at_once(at: Desk) -> None:
    job = await at.insert(max_attempts=1)
    await left_running(at)
    assert await rescued(at) == 1
    view = await at.job(job)
    assert (view.state, view.attempt, view.lost) == (State.QUEUED, 1, 1)
    [ended] = await at.store.attempts(job)
    assert ended.outcome is Outcome.LOST
    await at.dispatcher.start()
    assert (await at.running(job)).call.attempt == 2


async def test_what_waits_and_the_roots_of_runs_are_left_alone(at: Desk) -> None:
    order = run("one", "two")
    root = await at.insert(order.plugin, order.command, event=order.event, **_rest(order))
    waiting = await at.insert("alias")
    await left_running(at)
    assert await rescued(at) == 1
    assert (await at.job(root)).state is State.RUNNING
    assert (await at.job(waiting)).attempt == 0


def _rest(order: object) -> dict[str, object]:
    names = ("definition", "definition_document", "children")
    return {name: getattr(order, name) for name in names}


async def test_the_fourth_death_ends_a_job_dead(at: Desk) -> None:
    job = await at.insert(max_attempts=1)
    for _ in range(4):
        await left_running(at)
        await rescued(at)
    assert (await at.job(job)).state is State.DEAD


async def test_a_cancel_asked_for_before_the_death_is_honoured(at: Desk) -> None:
    order = run("one", "two")
    root = await at.insert(order.plugin, order.command, event=order.event, **_rest(order))
    alone = await at.insert()
    await left_running(at, 3)
    for job in (root, alone):
        assert await at.store.write(cancel, job) is State.RUNNING
    assert await rescued(at) == 3
    for job in (root, alone, *(step.id for step in order.children)):
        assert (await at.job(job)).state is State.CANCELLED


@pytest.mark.parametrize(("there", "state"), [(True, State.FAILED), (False, State.QUEUED)])
async def test_a_job_that_is_not_safe_to_retry_fails_and_says_so(at: Desk, state: State, *, there: bool) -> None:
    manifest = at.snapshot.plugins["echo"].manifest
    once = replace(manifest.commands["poll"], retry_safe=False)
    at.settings("echo", manifest=replace(manifest, commands={**manifest.commands, "poll": once}))
    if not there:
        at.snapshot = at.without("echo")
    job = await at.insert()
    await left_running(at)
    await rescued(at)
    view = await at.job(job)
    assert view.state is state
    assert ("retry_safe" in str(view.error)) == there
