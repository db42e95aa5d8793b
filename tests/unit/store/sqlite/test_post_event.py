"""Events from outside: all that one starts, or none of it."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from support.store import SqliteHarness, child, event, run, start

from ductile.model.event import Event
from ductile.model.job import AcceptedEvent
from ductile.model.journal import EntryKind
from ductile.model.writes import Idempotency, Note, Start
from ductile.store.post_event import insert_posted_event


def given(**more: Any) -> Event:
    return event(type="order.placed", source="api", payload=b'{"n":1}', **more)


def caused(by: Event, *, name: str = "flow") -> Start:
    """A run that the event starts."""
    started = run(name=name, dedupe_key=by.dedupe_key, children=(child("one", by.id),))
    return replace(started, event=None, event_id=by.id, cause_event_id=by.id)


def job(by: Event) -> Start:
    return replace(start("report"), event=None, event_id=by.id, cause_event_id=by.id, dedupe_key=by.dedupe_key)


def take(harness: SqliteHarness, what: Event, *starts: Start, **more: Any) -> AcceptedEvent:
    return harness.do(insert_posted_event, what, starts, principal="token:t", **more)


def key(body: str = "b", ttl: int = 100) -> Idempotency:
    return Idempotency(principal="token:t", method="POST", path="/events", key="k", body_hash=body, ttl=ttl)


def test_all_that_an_event_starts_shares_its_one_payload(harness: SqliteHarness) -> None:
    what = given()
    received = take(harness, what, caused(what), job(what))
    assert [(one.plugin, one.command, one.deduplicated) for one in received.started] == [
        ("pipeline", "flow", False),
        ("report", "poll", False),
    ]
    assert harness.all("SELECT id, type, source, payload FROM events") == [(what.id, "order.placed", "api", b'{"n":1}')]
    assert harness.all("SELECT DISTINCT cause_event_id FROM jobs WHERE parent_id IS NULL") == [(what.id,)]
    assert harness.claim_one("report").event.payload == b'{"n":1}'


def test_it_is_journalled_with_the_ids_of_what_it_started(harness: SqliteHarness) -> None:
    what = given()
    received = take(harness, what, job(what), notes=(Note(kind=EntryKind.CONDITION_UNDECIDED, data={"reason": "odd"}),))
    (kind, data), note = harness.all("SELECT kind, data FROM journal ORDER BY seq")
    assert (kind, orjson.loads(data)) == (
        "event.received",
        {
            "event_id": what.id,
            "event_type": "order.placed",
            "principal": "token:t",
            "started": [received.started[0].job_id],
        },
    )
    assert note == ("pipeline.condition_undecided", b'{"reason":"odd"}')


def test_where_one_start_cannot_be_inserted_none_is(harness: SqliteHarness) -> None:
    what = given()
    first = job(what)
    with pytest.raises(Exception, match="UNIQUE"):
        take(harness, what, first, replace(caused(what), id=first.id))
    assert harness.all("SELECT count(*) FROM jobs") == harness.all("SELECT count(*) FROM events") == [(0,)]


def test_the_dedupe_key_counts_for_each_start_by_itself(harness: SqliteHarness) -> None:
    first, second = given(dedupe_key="k"), given(dedupe_key="k")
    run_id = take(harness, first, caused(first)).started[0].job_id
    again = take(harness, second, caused(second), job(second)).started
    assert [(one.plugin, one.deduplicated) for one in again] == [("pipeline", True), ("report", False)]
    assert again[0].job_id == run_id
    third = given(dedupe_key="k")
    assert [one.deduplicated for one in take(harness, third, caused(third), job(third)).started] == [True, True]
    assert harness.all("SELECT id FROM events ORDER BY id") == [(first.id,), (second.id,)]


def test_the_event_stays_while_one_of_its_jobs_does(harness: SqliteHarness) -> None:
    what = given()
    take(harness, what, job(what), caused(what))
    harness.settle(harness.claim_one("report").job)
    harness.now += 1
    harness.do(lambda tx: tx.execute("trim_input", id=what.id))
    assert harness.all("SELECT id FROM events") == [(what.id,)]
