"""What people and documents see of jobs."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.store import child, event, run, settlement, start

from ductile.model.filters import JobFilter
from ductile.model.job import Job, Outcome, State
from ductile.model.writes import Skip
from ductile.store.sqlite.store import SqliteStore


async def claim_one(store: SqliteStore, lane: str = "echo") -> Job:
    claims = await store.claim({lane: 1}, 1, lambda _job: None)
    return claims.claimed[0].job


async def test_an_unknown_job_is_none(store: SqliteStore) -> None:
    assert await store.job("nobody") is None
    assert await store.tree("nobody") == ([], [])
    assert await store.attempts("nobody") == []
    assert await store.definition("nothing") is None


async def test_a_job_shows_its_last_attempt_what_it_emitted_and_what_that_started(store: SqliteStore) -> None:
    await store.submit(start())
    job = await claim_one(store)
    await store.settle(settlement(job, State.QUEUED, error="first", result=b"1"))
    job = await claim_one(store)
    emitted = event(job_id=job.id)
    started = replace(start("report"), event=None, event_id=emitted.id, cause_event_id=emitted.id)
    await store.settle(settlement(job, events=(emitted,), starts=(started,), result=b"2", logs=b"[]", exit_code=0))
    view = await store.job(job.id)
    assert view is not None
    assert (view.state, view.attempt, view.result, view.error, view.exit_code) == (State.SUCCEEDED, 2, b"2", None, 0)
    assert view.events == (emitted,)
    assert view.cause is None
    assert view.started == ((started.id, "report", "poll"),)
    caused = await store.job(started.id)
    assert caused is not None
    assert caused.cause == emitted
    attempts = await store.attempts(job.id)
    assert [(one.attempt, one.outcome, one.error) for one in attempts] == [
        (1, Outcome.FAILED, "first"),
        (2, Outcome.SUCCEEDED, None),
    ]


async def test_a_retry_that_waits_shows_the_attempt_before(store: SqliteStore) -> None:
    await store.submit(start())
    job = await claim_one(store)
    await store.settle(settlement(job, State.QUEUED, error="once"))
    await claim_one(store)
    view = await store.job(job.id)
    assert view is not None
    assert (view.state, view.attempt, view.error) == (State.RUNNING, 2, "once")


async def test_a_tree_is_its_root_and_then_its_steps(store: SqliteStore) -> None:
    order = run("one", "two", skips=(Skip(step="three", reason="condition", condition={"path": "a"}),))
    await store.submit(order)
    one = await claim_one(store)
    emitted = event(job_id=one.id)
    last = child("four", emitted.id)
    await store.settle(settlement(one, events=(emitted,), children=(last,), result=b"{}"))
    for asked in (order.id, one.id):
        views, skips = await store.tree(asked)
        assert [view.id for view in views] == [order.id, *(step.id for step in order.children), last.id]
        assert views[1].events == (emitted,)
        assert views[1].result == b"{}"
        assert [(skip.parent_id, skip.step, skip.reason) for skip in skips] == [(order.id, "three", "condition")]
    assert await store.definition(order.definition or "") == b"{}"


@pytest.fixture
async def many(store: SqliteStore) -> list[str]:
    """Ids, oldest first: plain jobs of two plugins, of which every third has ended."""
    ids = []
    for number in range(12):
        accepted = await store.submit(start("a" if number % 2 else "b", "poll" if number < 8 else "handle"))
        ids.append(accepted.job_id)
    for _ in range(2):
        for lane in ("a", "b"):
            await store.settle(settlement(await claim_one(store, lane), State.SUCCEEDED))
    await store.settle(settlement(await claim_one(store, "a"), State.FAILED))
    await claim_one(store, "b")
    return ids


async def test_pages_go_from_new_to_old_and_are_stable_under_inserts(store: SqliteStore, many: list[str]) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = await store.jobs(JobFilter(limit=5, cursor=cursor))
        seen += [row.id for row in page.rows]
        assert not page.total_capped
        cursor = page.cursor
        if cursor is None:
            break
        await store.submit(start())
    assert seen == many[::-1]


@pytest.mark.parametrize("plugin", [None, "a", "nobody"])
@pytest.mark.parametrize("command", [None, "poll"])
@pytest.mark.parametrize(
    "states",
    [None, {State.QUEUED}, {State.SUCCEEDED}, {State.SUCCEEDED, State.FAILED, State.RUNNING}],
)
async def test_filters_and_totals_agree_with_a_look_at_every_job(
    store: SqliteStore, many: list[str], plugin: str | None, command: str | None, states: set[State] | None
) -> None:
    everything = (await store.jobs(JobFilter(limit=100))).rows
    assert [row.id for row in everything] == many[::-1]
    wanted = [
        row
        for row in everything
        if plugin in (None, row.plugin) and command in (None, row.command) and (states is None or row.state in states)
    ]
    found = []
    cursor = None
    while True:
        page = await store.jobs(
            JobFilter(plugin=plugin, command=command, states=frozenset(states or ()), limit=2, cursor=cursor)
        )
        found += page.rows
        assert page.total == len(wanted)
        cursor = page.cursor
        if cursor is None:
            break
    assert found == wanted


@pytest.mark.parametrize("filters", [{}, {"plugin": "a"}, {"states": frozenset({State.SUCCEEDED, State.QUEUED})}])
async def test_jobs_since_a_time_are_listed_and_counted(
    store: SqliteStore, many: list[str], filters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = (await store.jobs(JobFilter(**filters, limit=100))).rows
    assert len(many) >= len(everything) > 3
    for since in {row.created_at + more for row in everything for more in (0, 1)}:
        wanted = [row for row in everything if row.created_at >= since]
        page = await store.jobs(JobFilter(**filters, limit=100, since=since))
        assert (list(page.rows), page.total, page.total_capped) == (wanted, len(wanted), False)
    monkeypatch.setattr("ductile.store.job_list.MAX_TOTAL", 2)
    page = await store.jobs(JobFilter(**filters, limit=1, since=1))
    assert (page.total, page.total_capped) == (2, True)


async def test_depth_running_and_lanes_tell_what_stands(store: SqliteStore, many: list[str]) -> None:
    depth = await store.depth()
    assert depth == {
        **dict.fromkeys(State, 0),
        State.QUEUED: 6,
        State.RUNNING: 1,
        State.SUCCEEDED: 4,
        State.FAILED: 1,
    }
    assert [job.id for job in await store.running_jobs()] == [many[4]]
    assert await store.ready_lanes() == {"a", "b"}
    assert await store.running_by_lane() == {"b": 1}


async def test_roots_of_runs_are_not_running_attempts(store: SqliteStore) -> None:
    await store.submit(run("one"))
    assert await store.running_jobs() == []
