"""The dispatcher: a store that cannot commit."""

import pytest
from msgspec.structs import replace
from support.dispatch import DispatcherHarness
from support.store import run

from ductile.model.job import State
from ductile.store.errors import StoreUnavailable


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
