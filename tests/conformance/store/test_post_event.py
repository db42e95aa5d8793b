"""Events from outside: all that one starts, or none of it."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.store import child, event, run, start
from support.store_backends import StoreHarness

from ductile.model.event import Event
from ductile.model.job import AcceptedEvent
from ductile.model.writes import Idempotency, Start
from ductile.store.errors import EventKeyConflict


def given(**more: Any) -> Event:
    return event(type="order.placed", source="api", payload=b'{"n":1}', **more)


def caused(by: Event, *, name: str = "flow") -> Start:
    """A run that the event starts."""
    started = run(name=name, dedupe_key=by.dedupe_key, children=(child("one", by.id),))
    return replace(started, event=None, event_id=by.id, cause_event_id=by.id)


def job(by: Event) -> Start:
    return replace(start("report"), event=None, event_id=by.id, cause_event_id=by.id, dedupe_key=by.dedupe_key)


async def take(at: StoreHarness, what: Event, *starts: Start, **more: Any) -> AcceptedEvent:
    return await at.store.post_event(what, starts, principal="token:t", **more)


def key(body: str = "b", ttl: int = 100) -> Idempotency:
    return Idempotency(principal="token:t", method="POST", path="/events", key="k", body_hash=body, ttl=ttl)


async def test_one_that_starts_nothing_is_journalled_and_not_stored(at: StoreHarness) -> None:
    assert (await take(at, given())).started == ()
    assert await at.entries() == [("event.received", None)]


async def test_the_same_idempotency_key_answers_the_same_and_starts_nothing(at: StoreHarness) -> None:
    first, second = given(dedupe_key="d"), given()
    await take(at, first, job(first))
    received = await take(at, second, caused(second), replace(job(second), dedupe_key="d"), idempotency=key())
    third = given()
    again = await take(at, third, caused(third), job(third), idempotency=key())
    assert again == replace(received, replayed=True)
    assert [one.deduplicated for one in again.started] == [False, True]
    assert len(await at.entries()) == 2


async def test_it_answers_the_same_where_nothing_was_started(at: StoreHarness) -> None:
    received = await take(at, given(), idempotency=key())
    assert await take(at, given(), idempotency=key()) == replace(received, replayed=True)


async def test_the_same_key_with_another_body_conflicts(at: StoreHarness) -> None:
    received = await take(at, given(), idempotency=key())
    with pytest.raises(EventKeyConflict, match=received.event_id):
        await take(at, given(), idempotency=key("c"))


async def test_a_key_that_has_expired_is_free_again(at: StoreHarness) -> None:
    received = await take(at, given(), idempotency=key(ttl=5))
    at.now += 5
    assert (await take(at, given(), idempotency=key("c"))).event_id != received.event_id
