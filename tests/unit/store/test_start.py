"""Starts: dedupe, idempotency, and what a root begins with."""

import pytest
from msgspec.structs import replace
from support.store import Bench, child, event, run, start

from ductile.model.ids import new_id
from ductile.model.job import PIPELINE_PLUGIN, EndedRoot, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobDue, JobEnded, LaneReady
from ductile.model.writes import Idempotency, NewContext, Note, Skip, Start
from ductile.store.errors import IdempotencyConflict
from ductile.store.lane_moves import promote
from ductile.store.steps import insert_event


def idempotency(body: str = "b", ttl: int = 100) -> Idempotency:
    return Idempotency(principal="token:t", method="POST", path="/p", key="k", body_hash=body, ttl=ttl)


def test_a_plain_submit_writes_one_job_and_one_event(bench: Bench) -> None:
    accepted = bench.insert(start())
    assert accepted.status is State.QUEUED
    assert not accepted.replayed
    assert not accepted.deduplicated
    tables = [
        name for (name,) in bench.all("SELECT name FROM sqlite_master WHERE type = 'table'") if "_text" not in name
    ]
    sizes = {name: bench.all(f"SELECT count(*) FROM {name}")[0][0] for name in tables}
    assert {name: size for name, size in sizes.items() if size} == {"jobs": 1, "events": 1, "counts": 1}
    assert bench.signals == [LaneReady("echo")]


def test_a_plain_submit_touches_at_most_five_indexes(bench: Bench) -> None:
    bench.insert(start(dedupe_key="k"))
    touched = 0
    for (name,) in bench.all("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('jobs', 'events')"):
        (where,) = bench.all("SELECT sql FROM sqlite_master WHERE name = ?", name)[0]
        table = bench.all("SELECT tbl_name FROM sqlite_master WHERE name = ?", name)[0][0]
        condition = where.partition("WHERE")[2] if where else ""
        touched += bench.all(f"SELECT count(*) FROM {table} WHERE {condition or 'true'}")[0][0]
    assert touched == 5


def test_a_later_start_waits_for_its_time(bench: Bench) -> None:
    job_id = bench.insert(start(run_at=bench.now + 5)).job_id
    assert bench.row(job_id)["due"] == 0
    assert bench.signals == [JobDue(bench.now + 5)]


def test_a_refused_start_fails_without_an_attempt(bench: Bench) -> None:
    accepted = bench.insert(start(error="events go round in circles: a → b → a"))
    row = bench.row(accepted.job_id)
    assert (row["state"], row["attempt"], row["ended_at"]) == ("failed", 0, bench.now)
    assert row["error"] == "events go round in circles: a → b → a"
    assert bench.signals == [JobEnded(accepted.job_id, State.FAILED)]


def test_a_refused_run_gets_no_steps(bench: Bench) -> None:
    accepted = bench.insert(run("one", error="too many hops"))
    assert accepted.status is State.FAILED
    assert bench.all("SELECT count(*) FROM jobs") == [(1,)]


def test_the_same_idempotency_key_and_body_give_the_same_job_with_its_state_now(bench: Bench) -> None:
    first = bench.insert(start(idempotency=idempotency()))
    bench.claim_one("echo")
    again = bench.insert(start(idempotency=idempotency()))
    assert (again.job_id, again.status, again.replayed) == (first.job_id, State.RUNNING, True)
    assert bench.all("SELECT count(*) FROM jobs") == [(1,)]


def test_a_replayed_run_says_that_it_runs(bench: Bench) -> None:
    first = bench.insert(run("one", idempotency=idempotency()))
    assert first.status is State.QUEUED
    again = bench.insert(run("one", idempotency=idempotency()))
    assert (again.job_id, again.status) == (first.job_id, State.RUNNING)


def test_the_same_idempotency_key_with_another_body_conflicts(bench: Bench) -> None:
    first = bench.insert(start(idempotency=idempotency()))
    with pytest.raises(IdempotencyConflict, match=first.job_id):
        bench.insert(start(idempotency=idempotency(body="c")))
    assert bench.all("SELECT count(*) FROM jobs") == [(1,)]


def test_an_expired_idempotency_key_is_free_again(bench: Bench) -> None:
    first = bench.insert(start(idempotency=idempotency()))
    bench.now += 100
    second = bench.insert(start(idempotency=idempotency(body="c")))
    assert second.job_id != first.job_id
    assert bench.all("SELECT job_id, body_hash FROM idempotency") == [(second.job_id, "c")]


@pytest.mark.parametrize("before", ["queued", "running", "held", "succeeded"])
def test_a_start_with_the_key_of_a_live_one_is_answered_with_that(bench: Bench, before: str) -> None:
    first = bench.insert(start(dedupe_key="k"))
    if before == "held":
        bench.claim({"echo": 1}, gate=lambda _job: "breaker")
    elif before != "queued":
        job = bench.claim_one("echo").job
        if before == "succeeded":
            bench.settle(job)
    bench.now += 10
    second = bench.insert(start(dedupe_key="k", dedupe_ttl=10))
    assert (second.job_id, second.deduplicated, second.status) == (first.job_id, True, State(before))
    assert bench.all("SELECT count(*) FROM events") == [(1,)]


def test_a_key_is_free_after_its_time_and_after_a_failure(bench: Bench) -> None:
    bench.insert(start(dedupe_key="k"))
    bench.settle(bench.claim_one("echo").job)
    bench.now += 11
    second = bench.insert(start(dedupe_key="k", dedupe_ttl=10))
    assert not second.deduplicated
    bench.settle(bench.claim_one("echo").job, State.FAILED)
    assert not bench.insert(start(dedupe_key="k", dedupe_ttl=10)).deduplicated


def test_a_dedupe_key_belongs_to_one_command(bench: Bench) -> None:
    bench.insert(start(dedupe_key="k"))
    assert not bench.insert(start(command="handle", dedupe_key="k")).deduplicated
    assert not bench.insert(run("one", dedupe_key="k")).deduplicated
    assert bench.insert(run("one", dedupe_key="k")).deduplicated
    assert not bench.insert(run("one", name="other", dedupe_key="k")).deduplicated


def test_a_run_stands_with_its_definition_its_steps_and_what_it_passed_by(bench: Bench) -> None:
    given = event()
    baggage = NewContext(id=new_id(), parent_id=None, values=b'{"a":1}')
    steps = (child("one", given.id, context=baggage), child("two", given.id, plugin="other"))
    skips = (Skip(step="three", reason="condition", condition={"path": "x"}, values={"x": None}),)
    order = run(event=given, event_id=given.id, children=steps, skips=skips, priority=7, principal="p", hops=2)
    accepted = bench.insert(order)
    root = bench.row(accepted.job_id)
    assert (root["state"], root["lane"], root["attempt"], root["open_jobs"]) == ("running", None, 0, 2)
    one = bench.row(steps[0].id)
    assert (one["state"], one["lane"], one["parent_id"]) == ("queued", "echo", root["id"])
    assert (one["priority"], one["principal"], one["hops"], one["route"]) == (7, "p", 2, 1)
    assert one["definition"] == order.definition
    assert one["context_id"] == baggage.id
    assert bench.all("SELECT root_id, node, reason FROM skips") == [(root["id"], "three", "condition")]
    assert set(bench.signals) == {LaneReady("echo"), LaneReady("other")}
    assert bench.counts_are_true()


def test_an_empty_run_succeeds_at_once(bench: Bench) -> None:
    accepted = bench.insert(run())
    assert accepted.status is State.SUCCEEDED
    assert bench.row(accepted.job_id)["ended_at"] == bench.now
    assert bench.signals == [JobEnded(accepted.job_id, State.SUCCEEDED)]


def test_a_run_whose_entry_steps_all_fail_has_failed(bench: Bench) -> None:
    given = event()
    steps = (child("one", given.id, error="no such path"), child("two", given.id, error="second"))
    accepted = bench.insert(run(event=given, event_id=given.id, children=steps))
    assert accepted.status is State.FAILED
    assert bench.row(accepted.job_id)["error"] == "no such path"
    assert bench.state(steps[0].id) == "failed"
    assert bench.counts_are_true()


def test_hooks_hear_of_a_run_that_ends_as_it_starts(bench: Bench) -> None:
    heard: list[EndedRoot] = []

    def hooks(ended: EndedRoot) -> list[Start]:
        heard.append(ended)
        return []

    bench.tx.hooks = hooks
    given = event()
    accepted = bench.insert(run(event=given, event_id=given.id, children=(child("one", given.id, error="bad"),)))
    (ended,) = heard
    assert (ended.root.id, ended.state, ended.plugin, ended.error) == (
        accepted.job_id,
        "failed",
        PIPELINE_PLUGIN,
        "bad",
    )
    assert [(step.plugin, step.error) for step in ended.candidates] == [("echo", "bad")]


def test_what_hooks_note_stands_in_the_journal(bench: Bench) -> None:
    bench.tx.hooks = lambda ended: [Note(kind=EntryKind.HOOKS_FAILED, job_id=ended.root.id, data={"reason": "odd"})]
    job_id = bench.insert(start(error="refused")).job_id
    assert ("hooks.failed", job_id, b'{"reason":"odd"}') in bench.all("SELECT kind, job_id, data FROM journal")


def test_the_entry_steps_of_a_later_run_wait_for_its_time(bench: Bench) -> None:
    later = bench.now + 50
    root = bench.insert(run("one", "two", run_at=later)).job_id
    assert bench.signals == [JobDue(later)]
    assert bench.claim({"echo": 2}).claimed == ()
    assert bench.do(promote) == later
    bench.now = later
    assert bench.do(promote) is None
    for claimed in bench.claim({"echo": 2}).claimed:
        bench.settle(claimed.job)
    assert bench.state(root) == "succeeded"


def test_a_time_that_has_passed_keeps_no_run_waiting(bench: Bench) -> None:
    bench.insert(run("one", run_at=bench.now - 1))
    assert bench.signals == [LaneReady("echo")]
    assert bench.claim_one("echo")


def test_a_refused_start_names_the_loop_that_led_to_it(bench: Bench) -> None:
    cause = None
    for plugin, command, kind in (
        (PIPELINE_PLUGIN, "seed", "a"),
        (PIPELINE_PLUGIN, "one", "b"),
        ("echo", "handle", "c"),
    ):
        given = event() if cause is None else None
        root = start(plugin, command, event=given, event_id=given.id if given else cause, cause_event_id=cause)
        if given is None:
            root = replace(root, event=None)
        bench.insert(root)
        emitted = event(type=kind, job_id=root.id, root_id=root.id)
        bench.do(insert_event, emitted)
        cause = emitted.id
    again = replace(
        start(PIPELINE_PLUGIN, "one", error="it is a loop"), event=None, event_id=cause, cause_event_id=cause
    )
    error = bench.row(bench.insert(again).job_id)["error"]
    assert error == "it is a loop: pipeline one → b → echo.handle → c → pipeline one"


def test_one_event_may_start_several_roots_and_is_stored_once(bench: Bench) -> None:
    given = event()
    bench.insert(start(event=given))
    second = bench.insert(replace(start(), event=None, event_id=given.id))
    assert bench.row(second.job_id)["cause_event_id"] == given.id
    assert bench.all("SELECT count(*) FROM events") == [(1,)]
