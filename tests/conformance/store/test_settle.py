"""Settling one attempt: everything it changes, or nothing."""

import orjson
import pytest
from msgspec.structs import replace
from support.store import child, event, run, start
from support.store_backends import StoreHarness

from ductile.model.filters import JobFilter
from ductile.model.job import EndedRoot, Outcome, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, JobEnded, LaneReady
from ductile.model.writes import Note, Skip, Start, StateUpdate
from ductile.store.errors import StateTooLarge


async def test_a_result_counts_once(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    assert await at.settle(job)
    assert not await at.settle(job)
    assert len(await at.store.attempts(job.id)) == 1


async def test_a_retry_waits_for_its_time(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.settle(job, State.QUEUED, run_at=at.now + 30, error="again")
    row = await at.view(job.id)
    assert (row.state, row.attempt, row.lost, row.ended_at) == ("queued", 1, 0, None)
    assert {JobDue(at.now + 30)} <= set(at.notifications)
    assert await at.counts_are_true()


async def test_a_lost_attempt_is_counted_apart_and_queued_at_once(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert (await at.view(job.id)).lost == 1
    assert {LaneReady("echo")} <= set(at.notifications)
    assert (await at.claim_one("echo")).job.attempt == 2


async def test_state_is_merged_shallowly(at: StoreHarness) -> None:
    for values in ({"a": {"x": 1}, "b": 1}, {"a": {"y": 2}}):
        await at.insert(start())
        await at.settle((await at.claim_one("echo")).job, state_update=StateUpdate(plugin="echo", values=values))
    await at.insert(start())
    assert orjson.loads((await at.claim_one("echo")).plugin_state) == {"a": {"y": 2}, "b": 1}


async def test_a_state_beyond_a_megabyte_undoes_the_whole_settlement(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    with pytest.raises(StateTooLarge, match="1048576 at most"):
        await at.settle(job, state_update=StateUpdate(plugin="echo", values={"a": "x" * 1024 * 1024}))
    assert await at.state(job.id) == "running"
    assert await at.store.attempts(job.id) == []
    assert await at.settle(job, State.FAILED)


async def test_what_events_start_stands_in_the_same_commit_and_is_deduplicated(at: StoreHarness) -> None:
    first = await at.insert(start("report", dedupe_key="k"))
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    emitted = event(job_id=job.id)
    free, taken = (replace(start("report", dedupe_key=key), event=None, event_id=emitted.id) for key in ("z", "k"))
    await at.settle(job, events=(emitted,), starts=(free, taken))
    assert [row.id for row in (await at.store.jobs(JobFilter(plugin="report"))).rows] == [free.id, first.job_id]
    assert {JobEnded(job.id, State.SUCCEEDED), LaneReady("report")} <= set(at.notifications)


async def test_a_run_goes_on_and_ends_when_nothing_is_open(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    one = (await at.claim_one("echo")).job
    emitted = event(job_id=one.id)
    two = child("two", emitted.id, depth=2)
    skip = Skip(step="three", reason="max_depth")
    await at.settle(one, events=(emitted,), children=(two,), skips=(skip,))
    assert (await at.view(two.id)).parent_id == one.id
    assert [(skip.parent_id, skip.step) for skip in (await at.store.tree(root))[1]] == [(one.id, "three")]
    await at.settle((await at.claim_one("echo")).job)
    assert await at.state(root) == "succeeded"
    assert JobEnded(root, State.SUCCEEDED) in at.notifications
    assert await at.counts_are_true()


async def test_a_step_that_an_event_has_reached_already_is_not_inserted_twice(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    one = (await at.claim_one("echo")).job
    emitted = event(job_id=one.id)
    await at.settle(one, events=(emitted,), children=(child("two", emitted.id), child("two", emitted.id)))
    assert [step.step for step in await at.steps(root)] == ["one", "two"]
    assert await at.counts_are_true()


async def test_a_failed_step_ends_its_branch_and_the_others_run_on(at: StoreHarness) -> None:
    root = (await at.insert(run("one", "two"))).job_id
    one, two = (claimed.job for claimed in (await at.claim({"echo": 2})).claimed)
    await at.settle(one, State.FAILED, error="first")
    assert await at.state(root) == "running"
    await at.settle(two, State.DEAD, error="second")
    row = await at.view(root)
    assert (row.state, row.error) == ("failed", "first")


async def test_a_step_that_waits_for_its_retry_stays_open(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    await at.settle((await at.claim_one("echo")).job, State.QUEUED, run_at=at.now + 9)
    assert await at.state(root) == "running"


async def test_a_child_that_cannot_start_fails_its_run(at: StoreHarness) -> None:
    root = (await at.insert(run("one"))).job_id
    one = (await at.claim_one("echo")).job
    emitted = event(job_id=one.id)
    await at.settle(one, events=(emitted,), children=(child("two", emitted.id, error="payload.x is missing"),))
    row = await at.view(root)
    assert (row.state, row.error) == ("failed", "payload.x is missing")
    assert await at.counts_are_true()


def hear(at: StoreHarness) -> list[EndedRoot]:
    heard: list[EndedRoot] = []

    def hooks(ended: EndedRoot) -> list[Start]:
        heard.append(ended)
        return [start("alert", submitted_by="hook")] if ended.root.submitted_by != "hook" else []

    at.hooks = hooks
    return heard


async def test_hooks_hear_of_a_plain_job_and_what_they_start_stands_in_the_same_commit(at: StoreHarness) -> None:
    hear(at)
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.settle(job, State.TIMED_OUT, error="too slow")
    ended = at.ended[0]
    assert (ended.plugin, ended.command, ended.attempt, ended.state) == ("echo", "poll", 1, State.TIMED_OUT)
    assert (ended.error, ended.candidates, ended.root.id) == ("too slow", (), job.id)
    assert await at.claim_one("alert")


async def test_hooks_hear_of_the_failed_steps_of_a_run_oldest_first(at: StoreHarness) -> None:
    hear(at)
    await at.insert(run("one", "two", "three"))
    jobs = [claimed.job for claimed in (await at.claim({"echo": 3})).claimed]
    for job, state in zip(reversed(jobs), (State.FAILED, State.SUCCEEDED, State.DEAD), strict=True):
        at.now += 1
        await at.settle(job, state, error=None if state is State.SUCCEEDED else state.value)
    ended = at.ended[0]
    assert [(step.job_id, step.error, step.attempt) for step in ended.candidates] == [
        (jobs[2].id, "failed", 1),
        (jobs[0].id, "dead", 1),
    ]
    assert (ended.root.attempt, ended.error) == (0, "failed")


async def test_hooks_hear_of_the_last_steps_of_a_run_that_succeeded(at: StoreHarness) -> None:
    hear(at)
    await at.insert(run("one", "two"))
    one, two = (claimed.job for claimed in (await at.claim({"echo": 2})).claimed)
    emitted = event(job_id=one.id)
    last = child("three", emitted.id)
    await at.settle(one, events=(emitted,), children=(last,))
    await at.settle(two)
    await at.settle((await at.claim_one("echo")).job)
    assert {step.job_id for step in at.ended[0].candidates} == {two.id, last.id}


async def test_a_late_result_of_an_abandoned_attempt_changes_nothing(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.settle(job, State.QUEUED, outcome=Outcome.LOST)
    await at.claim_one("echo")
    before = (await at.view(job.id), await at.store.attempts(job.id), await at.entries(), await at.store.depth())
    late = StateUpdate(plugin="echo", values={"a": 1})
    assert not await at.settle(job, events=(event(job_id=job.id),), starts=(start(),), state_update=late)
    after = (await at.view(job.id), await at.store.attempts(job.id), await at.entries(), await at.store.depth())
    assert after == before
    assert at.notifications == []


async def test_a_fact_becomes_the_state(at: StoreHarness) -> None:
    for values in ({"a": 1}, {"b": 2}):
        await at.insert(start())
        update = StateUpdate(plugin="echo", values=values, fact_type="echo.snapshot")
        await at.settle((await at.claim_one("echo")).job, state_update=update)
    await at.insert(start())
    assert (await at.claim_one("echo")).plugin_state == b'{"b":2}'


async def test_notes_and_the_end_are_journalled_in_order(at: StoreHarness) -> None:
    await at.insert(start())
    job = (await at.claim_one("echo")).job
    await at.settle(job, notes=(Note(kind=EntryKind.CONDITION_UNDECIDED, job_id=job.id, data={"code": 3}),))
    kinds = ("job.started", "job.ended", "pipeline.condition_undecided")
    assert await at.entries() == [(kind, job.id) for kind in kinds]
