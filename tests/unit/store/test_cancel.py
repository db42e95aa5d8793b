"""Cancelling: at once where nothing runs, otherwise when what runs is reaped."""

import pytest
from support.store import Bench, child, event, run, start

from ductile.model.job import EndedRoot, Outcome, State
from ductile.model.notification import CancelAttempt, JobEnded
from ductile.model.writes import Start
from ductile.store.cancel import cancel
from ductile.store.errors import JobFinished, UnknownJob


def test_an_unknown_job_and_a_finished_one_say_so(bench: Bench) -> None:
    with pytest.raises(UnknownJob, match="no job nobody"):
        bench.do(cancel, "nobody")
    job_id = bench.insert(start(error="refused")).job_id
    with pytest.raises(JobFinished, match="failed"):
        bench.do(cancel, job_id)


@pytest.mark.parametrize("before", ["queued", "waiting", "held"])
def test_a_job_that_waits_is_cancelled_at_once(bench: Bench, before: str) -> None:
    heard: list[EndedRoot] = []

    def hooks(ended: EndedRoot) -> list[Start]:
        heard.append(ended)
        return []

    bench.tx.hooks = hooks
    job_id = bench.insert(start(run_at=bench.now + 9 if before == "waiting" else None)).job_id
    if before == "held":
        bench.claim({"echo": 1}, gate=lambda _job: "breaker")
    assert bench.do(cancel, job_id) is State.CANCELLED
    assert bench.row(job_id)["ended_at"] == bench.now
    assert bench.signals == [JobEnded(job_id, State.CANCELLED)]
    assert [ended.state for ended in heard] == [State.CANCELLED]
    assert bench.counts_are_true()


def test_a_running_job_is_stopped_first(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    for _ in range(2):
        assert bench.do(cancel, job.id) is State.RUNNING
        assert bench.signals == [CancelAttempt(job.id)]
    bench.settle(job, State.CANCELLED)
    assert bench.state(job.id) == "cancelled"


def test_a_job_that_is_being_cancelled_is_not_queued_again(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    bench.do(cancel, job.id)
    assert bench.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert bench.state(job.id) == "cancelled"
    assert bench.counts_are_true()


def test_a_run_takes_its_waiting_steps_along_and_ends_when_the_running_ones_have(bench: Bench) -> None:
    given = event()
    steps = [child(step, given.id, plugin) for step, plugin in (("one", "a"), ("two", "b"), ("three", "c"))]
    root = bench.insert(run(event=given, event_id=given.id, children=tuple(steps))).job_id
    job = bench.claim_one("a").job
    bench.claim({"c": 1}, gate=lambda _job: "breaker")
    assert bench.do(cancel, root) is State.RUNNING
    assert CancelAttempt(job.id) in bench.signals
    assert [bench.state(step.id) for step in steps] == ["running", "cancelled", "cancelled"]
    assert (bench.state(root), bench.row(root)["open_jobs"]) == ("running", 1)
    assert bench.do(cancel, root) is State.RUNNING
    bench.settle(job, State.CANCELLED)
    assert bench.state(root) == "cancelled"
    assert bench.counts_are_true()


def test_nothing_follows_in_a_run_that_is_being_cancelled(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    job = bench.claim_one("echo").job
    bench.do(cancel, root)
    emitted = event(job_id=job.id)
    bench.settle(job, events=(emitted,), children=(child("two", emitted.id),))
    assert (bench.state(job.id), bench.state(root)) == ("succeeded", "cancelled")
    assert bench.all("SELECT count(*) FROM jobs") == [(2,)]


def test_a_lost_step_of_a_run_that_is_being_cancelled_ends_it(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    job = bench.claim_one("echo").job
    bench.do(cancel, root)
    bench.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert (bench.state(job.id), bench.state(root)) == ("cancelled", "cancelled")


def test_a_run_in_which_nothing_runs_is_cancelled_at_once(bench: Bench) -> None:
    root = bench.insert(run("one", "two")).job_id
    assert bench.do(cancel, root) is State.CANCELLED
    assert bench.state(root) == "cancelled"
    with pytest.raises(JobFinished):
        bench.do(cancel, root)


def test_a_cancelled_step_is_a_failed_one_to_its_run(bench: Bench) -> None:
    root = bench.insert(run("one", "two")).job_id
    one, two = (row[0] for row in bench.all("SELECT id FROM jobs WHERE parent_id IS NOT NULL ORDER BY id"))
    assert bench.do(cancel, two) is State.CANCELLED
    job = bench.claim_one("echo").job
    assert job.id == one
    bench.settle(job)
    row = bench.row(root)
    assert (row["state"], row["error"]) == ("failed", "two: cancelled")


def test_a_running_step_is_stopped_and_then_fails_its_run(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    job = bench.claim_one("echo").job
    assert bench.do(cancel, job.id) is State.RUNNING
    assert bench.signals == [CancelAttempt(job.id)]
    bench.settle(job, State.CANCELLED, error="cancelled by its caller")
    assert (bench.state(root), bench.row(root)["error"]) == ("failed", "cancelled by its caller")


def test_a_lost_step_that_is_being_cancelled_is_not_queued_again(bench: Bench) -> None:
    root = bench.insert(run("one", "two")).job_id
    job = bench.claim_one("echo").job
    bench.do(cancel, job.id)
    bench.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert (bench.state(job.id), bench.state(root)) == ("cancelled", "running")
