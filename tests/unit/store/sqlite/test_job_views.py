"""The end of a job that somebody waits for comes with the job, as reading it would show it."""

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.store import event, run, settlement, start

from ductile.model.job import Job, State
from ductile.model.notification import JobEnded, Notification
from ductile.model.writes import Start
from ductile.store.sqlite.store import SqliteStore


class Ends:
    """Those that the listeners hear of."""

    def __init__(self, store: SqliteStore) -> None:
        self.heard: dict[str, JobEnded] = {}
        store.on_commit(self._hear)

    def _hear(self, signals: Sequence[Notification]) -> None:
        self.heard.update({signal.job_id: signal for signal in signals if isinstance(signal, JobEnded)})


async def begin(store: SqliteStore, order: Start) -> Job:
    """The job of its first attempt."""
    await store.submit(order)
    claims = await store.claim({"echo": 1}, 1, lambda _job: None)
    return claims.claimed[0].job


async def end(store: SqliteStore, order: Start, **how: Any) -> None:
    await store.settle(settlement(await begin(store, order), **how))


async def test_an_end_that_is_awaited_comes_with_the_job(store: SqliteStore) -> None:
    ends = Ends(store)
    store.include_view_for(lambda _job_id: True)
    plain, failed, refused, dropped, whole = start(), start(), start(error="a loop"), start(), run("one")
    await end(store, plain, result=b"{}", logs=b"[]", exit_code=0)
    await end(store, failed, state=State.FAILED, error="no", stdout="x", stderr="y", exit_code=3)
    await store.submit(refused)
    await store.submit(dropped)
    await store.cancel(dropped.id)
    await end(store, whole)

    assert ends.heard.keys() == {plain.id, failed.id, refused.id, dropped.id, whole.id, whole.children[0].id}
    for job_id, ended in ends.heard.items():
        assert ended.view is not None
        assert ended.view.state is ended.state
        assert ended.view == await store.job(job_id)
    assert ends.heard[plain.id].state is State.SUCCEEDED


async def test_a_job_comes_with_what_started_it_what_it_emitted_and_what_that_started(store: SqliteStore) -> None:
    ends = Ends(store)
    store.include_view_for(lambda _job_id: True)
    job = await begin(store, start())
    emitted = (event(job_id=job.id), event(job_id=job.id))
    caused = replace(start(), event=None, event_id=emitted[0].id, cause_event_id=emitted[0].id)
    await store.settle(settlement(job, events=emitted, starts=(caused,)))
    (claimed,) = (await store.claim({"echo": 1}, 1, lambda _job: None)).claimed
    await store.settle(settlement(claimed.job))

    view, of_caused = ends.heard[job.id].view, ends.heard[caused.id].view
    assert view is not None
    assert of_caused is not None
    assert set(view.events) == set(emitted)
    assert view.started == ((caused.id, "echo", "poll"),)
    assert of_caused.cause == emitted[0]
    assert (of_caused.events, of_caused.started) == ((), ())
    assert (view.cause, of_caused) == (None, await store.job(caused.id))


async def test_each_end_of_a_batch_comes_with_its_own_job(store: SqliteStore) -> None:
    ends = Ends(store)
    orders = [start() for _ in range(3)]
    store.include_view_for({orders[0].id, orders[2].id}.__contains__)
    for order in orders:
        await store.submit(order)
    claims = await store.claim({"echo": 3}, 3, lambda _job: None)
    await asyncio.gather(*(store.settle(settlement(one.job)) for one in claims.claimed))
    shown = {job_id: ended.view for job_id, ended in ends.heard.items()}
    assert shown == {
        orders[0].id: await store.job(orders[0].id),
        orders[1].id: None,
        orders[2].id: await store.job(orders[2].id),
    }


async def test_a_job_that_cannot_be_shown_has_ended_all_the_same(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise ZeroDivisionError

    ends = Ends(store)
    store.include_view_for(lambda _job_id: True)
    monkeypatch.setattr("ductile.store.sqlite.writer.view_job", fail)
    order = start()
    with capture_logs() as logs:
        await end(store, order)
    assert ends.heard == {order.id: JobEnded(order.id, State.SUCCEEDED)}
    assert [line["event"] for line in logs] == ["store.view_failed"]
    view = await store.job(order.id)
    assert view is not None
    assert view.state is State.SUCCEEDED
