"""Starts: dedupe, idempotency, and what a root begins with."""

import pytest
from support.store import child, event, run, start
from support.store_backends import StoreHarness

from ductile.model.job import PIPELINE_PLUGIN, State
from ductile.model.notification import JobDue, JobEnded, LaneReady
from ductile.model.writes import Idempotency
from ductile.store.errors import IdempotencyConflict


def idempotency(body: str = "b", ttl: int = 100) -> Idempotency:
    return Idempotency(principal="token:t", method="POST", path="/p", key="k", body_hash=body, ttl=ttl)


async def test_a_later_start_waits_for_its_time(at: StoreHarness) -> None:
    job_id = (await at.insert(start(run_at=at.now + 5))).job_id
    assert (await at.view(job_id)).run_at == at.now + 5
    assert {JobDue(at.now + 5)} <= set(at.notifications)


async def test_a_refused_start_fails_without_an_attempt(at: StoreHarness) -> None:
    accepted = await at.insert(start(error="events go round in circles: a → b → a"))
    row = await at.view(accepted.job_id)
    assert (row.state, row.attempt, row.ended_at) == ("failed", 0, at.now)
    assert row.error == "events go round in circles: a → b → a"
    assert {JobEnded(accepted.job_id, State.FAILED)} <= set(at.notifications)


async def test_a_refused_run_gets_no_steps(at: StoreHarness) -> None:
    accepted = await at.insert(run("one", error="too many hops"))
    assert accepted.status is State.FAILED
    assert await at.total() == 1


async def test_the_same_idempotency_key_and_body_give_the_same_job_with_its_state_now(at: StoreHarness) -> None:
    first = await at.insert(start(idempotency=idempotency()))
    await at.claim_one("echo")
    again = await at.insert(start(idempotency=idempotency()))
    assert (again.job_id, again.status, again.replayed) == (first.job_id, State.RUNNING, True)
    assert await at.total() == 1


async def test_a_replayed_run_says_that_it_runs(at: StoreHarness) -> None:
    first = await at.insert(run("one", idempotency=idempotency()))
    assert first.status is State.QUEUED
    again = await at.insert(run("one", idempotency=idempotency()))
    assert (again.job_id, again.status) == (first.job_id, State.RUNNING)


async def test_the_same_idempotency_key_with_another_body_conflicts(at: StoreHarness) -> None:
    first = await at.insert(start(idempotency=idempotency()))
    with pytest.raises(IdempotencyConflict, match=first.job_id):
        await at.insert(start(idempotency=idempotency(body="c")))
    assert await at.total() == 1


async def test_a_key_is_free_after_its_time_and_after_a_failure(at: StoreHarness) -> None:
    await at.insert(start(dedupe_key="k"))
    await at.settle((await at.claim_one("echo")).job)
    at.now += 11
    second = await at.insert(start(dedupe_key="k", dedupe_ttl=10))
    assert not second.deduplicated
    await at.settle((await at.claim_one("echo")).job, State.FAILED)
    assert not (await at.insert(start(dedupe_key="k", dedupe_ttl=10))).deduplicated


async def test_a_dedupe_key_belongs_to_one_command(at: StoreHarness) -> None:
    await at.insert(start(dedupe_key="k"))
    assert not (await at.insert(start(command="handle", dedupe_key="k"))).deduplicated
    assert not (await at.insert(run("one", dedupe_key="k"))).deduplicated
    assert (await at.insert(run("one", dedupe_key="k"))).deduplicated
    assert not (await at.insert(run("one", name="other", dedupe_key="k"))).deduplicated


async def test_an_empty_run_succeeds_at_once(at: StoreHarness) -> None:
    accepted = await at.insert(run())
    assert accepted.status is State.SUCCEEDED
    assert (await at.view(accepted.job_id)).ended_at == at.now
    assert {JobEnded(accepted.job_id, State.SUCCEEDED)} <= set(at.notifications)


async def test_a_run_whose_entry_steps_all_fail_has_failed(at: StoreHarness) -> None:
    given = event()
    steps = (child("one", given.id, error="no such path"), child("two", given.id, error="second"))
    accepted = await at.insert(run(event=given, event_id=given.id, children=steps))
    assert accepted.status is State.FAILED
    assert (await at.view(accepted.job_id)).error == "no such path"
    assert await at.state(steps[0].id) == "failed"
    assert await at.counts_are_true()


async def test_hooks_hear_of_a_run_that_ends_as_it_starts(at: StoreHarness) -> None:
    given = event()
    accepted = await at.insert(run(event=given, event_id=given.id, children=(child("one", given.id, error="bad"),)))
    ended = at.ended[0]
    assert (ended.root.id, ended.state, ended.plugin, ended.error) == (
        accepted.job_id,
        "failed",
        PIPELINE_PLUGIN,
        "bad",
    )
    assert [(step.plugin, step.error) for step in ended.candidates] == [("echo", "bad")]


async def test_the_entry_steps_of_a_later_run_wait_for_its_time(at: StoreHarness) -> None:
    later = at.now + 50
    root = (await at.insert(run("one", "two", run_at=later))).job_id
    assert {JobDue(later)} <= set(at.notifications)
    assert (await at.claim({"echo": 2})).claimed == ()
    assert await at.store.promote() == later
    at.now = later
    assert await at.store.promote() is None
    for claimed in (await at.claim({"echo": 2})).claimed:
        await at.settle(claimed.job)
    assert await at.state(root) == "succeeded"


async def test_a_time_that_has_passed_keeps_no_run_waiting(at: StoreHarness) -> None:
    await at.insert(run("one", run_at=at.now - 1))
    assert {LaneReady("echo")} <= set(at.notifications)
    assert await at.claim_one("echo")
