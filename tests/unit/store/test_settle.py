"""Settling one attempt: everything it changes, or nothing."""

import orjson
import pytest
from msgspec.structs import replace
from support.store import Bench, child, event, run, settlement, start

from ductile.model.job import EndedRoot, Outcome, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, JobEnded, LaneReady
from ductile.model.writes import Note, Skip, Start, StateUpdate
from ductile.store.errors import Stale, StateTooLarge
from ductile.store.settle import settle


def test_an_attempt_is_kept_so_that_it_can_stand_alone(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    assert bench.settle(job, State.FAILED, error="no", exit_code=-9, stderr="e", stdout="o", logs=b"[]", result=b"{}")
    assert bench.all(
        "SELECT attempt, plugin, command, submitted_by, outcome, exit_code, error, stderr, stdout, logs, result"
        " FROM attempts WHERE job_id = ?",
        job.id,
    ) == [(1, "echo", "poll", "api", "failed", -9, "no", "e", "o", b"[]", b"{}")]
    assert bench.signals == [JobEnded(job.id, State.FAILED)]
    assert bench.row(job.id)["ended_at"] == bench.now


def test_a_late_result_of_an_abandoned_attempt_changes_nothing(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    bench.settle(job, State.QUEUED, outcome=Outcome.LOST)
    bench.claim_one("echo")
    before = list(bench.connection.iterdump())
    late = settlement(
        job, events=(event(),), starts=(start(),), state_update=StateUpdate(plugin="echo", values={"a": 1})
    )
    bench.signals = []
    with pytest.raises(Stale):
        bench.do(settle, late)
    assert list(bench.connection.iterdump()) == before
    assert bench.signals == []
    assert bench.state(job.id) == "running"


def test_a_result_counts_once(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    assert bench.settle(job)
    assert not bench.settle(job)
    assert bench.all("SELECT count(*) FROM attempts") == [(1,)]


def test_a_retry_waits_for_its_time(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    bench.settle(job, State.QUEUED, run_at=bench.now + 30, error="again")
    row = bench.row(job.id)
    assert (row["state"], row["due"], row["attempt"], row["lost"], row["ended_at"]) == ("queued", 0, 1, 0, None)
    assert bench.signals == [JobDue(bench.now + 30)]
    assert bench.counts_are_true()


def test_a_lost_attempt_is_counted_apart_and_queued_at_once(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    bench.settle(job, State.QUEUED, outcome=Outcome.LOST)
    assert bench.row(job.id)["lost"] == 1
    assert bench.signals == [LaneReady("echo")]
    assert bench.claim_one("echo").job.attempt == 2


def test_state_is_merged_shallowly(bench: Bench) -> None:
    for values in ({"a": {"x": 1}, "b": 1}, {"a": {"y": 2}}):
        bench.insert(start())
        bench.settle(bench.claim_one("echo").job, state_update=StateUpdate(plugin="echo", values=values))
    assert orjson.loads(bench.all("SELECT value FROM plugin_state")[0][0]) == {"a": {"y": 2}, "b": 1}


def test_a_fact_is_appended_and_becomes_the_state(bench: Bench) -> None:
    for values in ({"a": 1}, {"b": 2}):
        bench.insert(start())
        update = StateUpdate(plugin="echo", values=values, fact_type="echo.snapshot")
        bench.settle(bench.claim_one("echo").job, state_update=update)
    assert bench.all("SELECT seq, fact_type, value FROM plugin_facts") == [
        (1, "echo.snapshot", b'{"a":1}'),
        (2, "echo.snapshot", b'{"b":2}'),
    ]
    assert bench.all("SELECT value FROM plugin_state") == [(b'{"b":2}',)]


def test_a_state_beyond_a_megabyte_undoes_the_whole_settlement(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    with pytest.raises(StateTooLarge, match="1048576 at most"):
        bench.settle(job, state_update=StateUpdate(plugin="echo", values={"a": "x" * 1024 * 1024}))
    assert bench.state(job.id) == "running"
    assert bench.all("SELECT count(*) FROM attempts") == [(0,)]
    assert bench.settle(job, State.FAILED)


def test_what_events_start_stands_in_the_same_commit_and_is_deduplicated(bench: Bench) -> None:
    first = bench.insert(start("report", dedupe_key="k"))
    bench.insert(start())
    job = bench.claim_one("echo").job
    emitted = event(job_id=job.id)
    free, taken = (replace(start("report", dedupe_key=key), event=None, event_id=emitted.id) for key in ("z", "k"))
    bench.settle(job, events=(emitted,), starts=(free, taken))
    assert bench.all("SELECT id FROM jobs WHERE plugin = 'report' ORDER BY id") == [(first.job_id,), (free.id,)]
    assert set(bench.signals) == {JobEnded(job.id, State.SUCCEEDED), LaneReady("report")}


def test_notes_and_the_end_are_journalled_in_order(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    bench.settle(job, notes=(Note(kind=EntryKind.CONDITION_UNDECIDED, job_id=job.id, data={"code": 3}),))
    rows = bench.all("SELECT kind, job_id, data FROM journal ORDER BY seq")
    assert [row[0] for row in rows] == ["job.started", "job.ended", "pipeline.condition_undecided"]
    assert rows[2] == ("pipeline.condition_undecided", job.id, b'{"code":3}')


def test_a_run_goes_on_and_ends_when_nothing_is_open(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    one = bench.claim_one("echo").job
    emitted = event(job_id=one.id)
    two = child("two", emitted.id, depth=2)
    skip = Skip(step="three", reason="max_depth")
    bench.settle(one, events=(emitted,), children=(two,), skips=(skip,))
    assert bench.row(root)["open_jobs"] == 1
    assert bench.row(two.id)["parent_id"] == one.id
    assert bench.row(two.id)["depth"] == 2
    assert bench.all("SELECT root_id, parent_id, node FROM skips") == [(root, one.id, "three")]
    bench.settle(bench.claim_one("echo").job)
    assert bench.state(root) == "succeeded"
    assert JobEnded(root, State.SUCCEEDED) in bench.signals
    assert bench.counts_are_true()


def test_a_step_that_an_event_has_reached_already_is_not_inserted_twice(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    one = bench.claim_one("echo").job
    emitted = event(job_id=one.id)
    bench.settle(one, events=(emitted,), children=(child("two", emitted.id), child("two", emitted.id)))
    assert bench.row(root)["open_jobs"] == 1
    assert bench.counts_are_true()


def test_a_failed_step_ends_its_branch_and_the_others_run_on(bench: Bench) -> None:
    root = bench.insert(run("one", "two")).job_id
    one, two = (claimed.job for claimed in bench.claim({"echo": 2}).claimed)
    bench.settle(one, State.FAILED, error="first")
    assert bench.state(root) == "running"
    bench.settle(two, State.DEAD, error="second")
    row = bench.row(root)
    assert (row["state"], row["error"], row["failed_jobs"]) == ("failed", "first", 2)


def test_a_step_that_waits_for_its_retry_stays_open(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    bench.settle(bench.claim_one("echo").job, State.QUEUED, run_at=bench.now + 9)
    assert (bench.row(root)["open_jobs"], bench.state(root)) == (1, "running")


def test_a_child_that_cannot_start_fails_its_run(bench: Bench) -> None:
    root = bench.insert(run("one")).job_id
    one = bench.claim_one("echo").job
    emitted = event(job_id=one.id)
    bench.settle(one, events=(emitted,), children=(child("two", emitted.id, error="payload.x is missing"),))
    row = bench.row(root)
    assert (row["state"], row["error"]) == ("failed", "payload.x is missing")
    assert bench.counts_are_true()


def hear(bench: Bench) -> list[EndedRoot]:
    heard: list[EndedRoot] = []

    def hooks(ended: EndedRoot) -> list[Start]:
        heard.append(ended)
        return [start("alert", submitted_by="hook")] if ended.root.submitted_by != "hook" else []

    bench.tx.hooks = hooks
    return heard


def test_hooks_hear_of_a_plain_job_and_what_they_start_stands_in_the_same_commit(bench: Bench) -> None:
    heard = hear(bench)
    bench.insert(start())
    job = bench.claim_one("echo").job
    bench.settle(job, State.TIMED_OUT, error="too slow")
    (ended,) = heard
    assert (ended.plugin, ended.command, ended.attempt, ended.state) == ("echo", "poll", 1, State.TIMED_OUT)
    assert (ended.error, ended.candidates, ended.root.id) == ("too slow", (), job.id)
    assert bench.claim_one("alert")


def test_hooks_hear_of_the_failed_steps_of_a_run_oldest_first(bench: Bench) -> None:
    heard = hear(bench)
    bench.insert(run("one", "two", "three"))
    jobs = [claimed.job for claimed in bench.claim({"echo": 3}).claimed]
    for job, state in zip(reversed(jobs), (State.FAILED, State.SUCCEEDED, State.DEAD), strict=True):
        bench.now += 1
        bench.settle(job, state, error=None if state is State.SUCCEEDED else state.value)
    (ended,) = heard
    assert [(step.job_id, step.error, step.attempt) for step in ended.candidates] == [
        (jobs[2].id, "failed", 1),
        (jobs[0].id, "dead", 1),
    ]
    assert (ended.root.attempt, ended.error) == (0, "failed")


def test_hooks_hear_of_the_last_steps_of_a_run_that_succeeded(bench: Bench) -> None:
    heard = hear(bench)
    bench.insert(run("one", "two"))
    one, two = (claimed.job for claimed in bench.claim({"echo": 2}).claimed)
    emitted = event(job_id=one.id)
    last = child("three", emitted.id)
    bench.settle(one, events=(emitted,), children=(last,))
    bench.settle(two)
    bench.settle(bench.claim_one("echo").job)
    assert {step.job_id for step in heard[0].candidates} == {two.id, last.id}
