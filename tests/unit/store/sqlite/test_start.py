"""Starts: dedupe, idempotency, and what a root begins with."""

import pytest
from msgspec.structs import replace
from support.store import SqliteHarness, child, event, run, start

from ductile.model.claims import Hold
from ductile.model.ids import new_id
from ductile.model.job import PIPELINE_PLUGIN, State
from ductile.model.journal import EntryKind
from ductile.model.notification import LaneReady
from ductile.model.writes import Idempotency, NewContext, Note, Skip
from ductile.store.steps import insert_event


def idempotency(body: str = "b", ttl: int = 100) -> Idempotency:
    return Idempotency(principal="token:t", method="POST", path="/p", key="k", body_hash=body, ttl=ttl)


def test_a_plain_submit_writes_one_job_and_one_event(harness: SqliteHarness) -> None:
    accepted = harness.insert(start())
    assert accepted.status is State.QUEUED
    assert not accepted.replayed
    assert not accepted.deduplicated
    tables = [
        name for (name,) in harness.all("SELECT name FROM sqlite_master WHERE type = 'table'") if "_text" not in name
    ]
    sizes = {name: harness.all(f"SELECT count(*) FROM {name}")[0][0] for name in tables}
    assert {name: size for name, size in sizes.items() if size} == {"jobs": 1, "events": 1, "counts": 1}
    assert harness.signals == [LaneReady("echo")]


def test_a_plain_submit_touches_at_most_five_indexes(harness: SqliteHarness) -> None:
    harness.insert(start(dedupe_key="k"))
    touched = 0
    for (name,) in harness.all(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('jobs', 'events')"
    ):
        (where,) = harness.all("SELECT sql FROM sqlite_master WHERE name = ?", name)[0]
        table = harness.all("SELECT tbl_name FROM sqlite_master WHERE name = ?", name)[0][0]
        condition = where.partition("WHERE")[2] if where else ""
        touched += harness.all(f"SELECT count(*) FROM {table} WHERE {condition or 'true'}")[0][0]
    assert touched == 5


def test_an_expired_idempotency_key_is_free_again(harness: SqliteHarness) -> None:
    first = harness.insert(start(idempotency=idempotency()))
    harness.now += 100
    second = harness.insert(start(idempotency=idempotency(body="c")))
    assert second.job_id != first.job_id
    assert harness.all("SELECT job_id, body_hash FROM idempotency") == [(second.job_id, "c")]


@pytest.mark.parametrize("before", ["queued", "running", "held", "succeeded"])
def test_a_start_with_the_key_of_a_live_one_is_answered_with_that(harness: SqliteHarness, before: str) -> None:
    first = harness.insert(start(dedupe_key="k"))
    if before == "held":
        harness.claim({"echo": 1}, gate=lambda _job: Hold("breaker"))
    elif before != "queued":
        job = harness.claim_one("echo").job
        if before == "succeeded":
            harness.settle(job)
    harness.now += 10
    second = harness.insert(start(dedupe_key="k", dedupe_ttl=10))
    assert (second.job_id, second.deduplicated, second.status) == (first.job_id, True, State(before))
    assert harness.all("SELECT count(*) FROM events") == [(1,)]


def test_a_run_stands_with_its_definition_its_steps_and_what_it_passed_by(harness: SqliteHarness) -> None:
    given = event()
    baggage = NewContext(id=new_id(), parent_id=None, values=b'{"a":1}')
    steps = (child("one", given.id, context=baggage), child("two", given.id, plugin="other"))
    skips = (Skip(step="three", reason="condition", condition={"path": "x"}, values={"x": None}),)
    order = run(event=given, event_id=given.id, children=steps, skips=skips, priority=7, principal="p", hops=2)
    accepted = harness.insert(order)
    root = harness.row(accepted.job_id)
    assert (root["state"], root["lane"], root["attempt"], root["open_jobs"]) == ("running", None, 0, 2)
    one = harness.row(steps[0].id)
    assert (one["state"], one["lane"], one["parent_id"]) == ("queued", "echo", root["id"])
    assert (one["priority"], one["principal"], one["hops"], one["route"]) == (7, "p", 2, 1)
    assert one["definition"] == order.definition
    assert one["context_id"] == baggage.id
    assert harness.all("SELECT root_id, node, reason FROM skips") == [(root["id"], "three", "condition")]
    assert set(harness.signals) == {LaneReady("echo"), LaneReady("other")}
    assert harness.counts_are_true()


def test_what_hooks_note_stands_in_the_journal(harness: SqliteHarness) -> None:
    harness.tx.hooks = lambda ended: [Note(kind=EntryKind.HOOKS_FAILED, job_id=ended.root.id, data={"reason": "odd"})]
    job_id = harness.insert(start(error="refused")).job_id
    assert ("hooks.failed", job_id, b'{"reason":"odd"}') in harness.all("SELECT kind, job_id, data FROM journal")


def test_a_refused_start_names_the_loop_that_led_to_it(harness: SqliteHarness) -> None:
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
        harness.insert(root)
        emitted = event(type=kind, job_id=root.id, root_id=root.id)
        harness.do(insert_event, emitted)
        cause = emitted.id
    again = replace(
        start(PIPELINE_PLUGIN, "one", error="it is a loop"), event=None, event_id=cause, cause_event_id=cause
    )
    error = harness.row(harness.insert(again).job_id)["error"]
    assert error == "it is a loop: pipeline one → b → echo.handle → c → pipeline one"


def test_one_event_may_start_several_roots_and_is_stored_once(harness: SqliteHarness) -> None:
    given = event()
    harness.insert(start(event=given))
    second = harness.insert(replace(start(), event=None, event_id=given.id))
    assert harness.row(second.job_id)["cause_event_id"] == given.id
    assert harness.all("SELECT count(*) FROM events") == [(1,)]
