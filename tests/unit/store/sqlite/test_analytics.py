"""Numbers of what waits and of what has ended of late."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from support.store import SqliteHarness, run, start

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.ids import new_id
from ductile.model.job import Outcome, State
from ductile.model.statistics import Recent
from ductile.store import analytics
from ductile.store.lane_moves import hold_lane
from ductile.store.sqlite.read_pool import ReadPool
from ductile.store.sqlite.reads import StoreReads


@pytest.fixture
async def readers(harness: SqliteHarness) -> AsyncIterator[StoreReads]:
    readers = StoreReads(ReadPool(harness.path))
    yield readers
    await readers.close()


def id_at(millis: int) -> str:
    """An id as it is made at this time."""
    return str(UUID(hex=f"{millis:012x}7000{8:x}{new_id()[-15:].replace('-', '0')}"))


async def test_the_backlog_is_what_waits_and_runs_but_no_root_of_a_run(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    assert (await readers.backlog()).by_plugin == {}
    for _ in range(3):
        harness.insert(start())
    harness.claim({"echo": 1})
    harness.insert(start("gone"))
    harness.do(hold_lane, "gone", PLUGIN_UNAVAILABLE)
    harness.insert(run("one"))
    found = (await readers.backlog()).by_plugin
    assert found == {"echo": {State.QUEUED: 3, State.RUNNING: 1}, "gone": {State.HELD: 1}}


async def test_the_oldest_is_the_one_that_could_have_started_first_in_any_lane_and_priority(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    assert (await readers.backlog()).oldest is None
    harness.insert(start(run_at=harness.now + 5000))
    assert (await readers.backlog()).oldest is None, "it cannot start yet"
    first = harness.now
    for lane, priority in [("a", 5), ("b", 0), ("b", -5), ("b", -7), ("c", 1)]:
        harness.insert(start(lane, priority=priority))
        harness.now += 1000
    assert (await readers.backlog()).oldest == first
    harness.claim({"a": 1})
    assert (await readers.backlog()).oldest == first + 1000
    harness.claim({"b": 1, "c": 1})
    assert (await readers.backlog()).oldest == first + 2000
    harness.claim({"b": 1})
    assert (await readers.backlog()).oldest == first + 3000
    harness.claim({"b": 1})
    assert (await readers.backlog()).oldest is None


async def test_what_was_submitted_since_is_counted_by_its_end_and_what_is_open_always(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    since = 1_700_000_000_000
    for at, state in [(-1, "succeeded"), (1, "succeeded"), (2, "failed"), (3, "succeeded"), (-9, None), (9, None)]:
        harness.now = since + at
        harness.insert(start("echo" if state else "waits", id=id_at(since + at)))
        if state:
            harness.settle(harness.claim_one("echo").job, State(state))
    found = (await readers.recent(since)).by_plugin
    assert found == {
        "echo": {State.SUCCEEDED: 2, State.FAILED: 1},
        "waits": {State.QUEUED: 2},
    }


async def test_durations_are_of_attempts_that_ended_since_and_of_the_newest_alone(
    harness: SqliteHarness, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for took in (500, 5, 40, 1, 300):
        harness.insert(start())
        harness.now += 1000
        harness.settle(harness.claim_one("echo").job, started_at=harness.now - took)
    harness.insert(start())
    harness.settle(harness.claim_one("echo").job, State.FAILED, outcome=Outcome.LOST, started_at=0)
    harness.insert(start())
    harness.settle(harness.claim_one("echo").job, started_at=harness.now + 50)
    assert (await readers.recent(0)).durations == [0, 1, 5, 40, 300, 500]
    assert (await readers.recent(harness.now - 1500)).durations == [0, 1, 300]
    assert (await readers.recent(harness.now + 1)).durations == []
    monkeypatch.setattr(analytics, "MAX_DURATIONS", 3)
    assert (await readers.recent(0)).durations == [0, 300], "the lost one is one of the newest three"


@pytest.mark.parametrize(
    ("durations", "expected"),
    [([], (None, None, None)), ([7], (7, 7, 7)), ([1, 2], (1, 2, 2)), (list(range(1, 101)), (50, 95, 99))],
)
def test_percentiles_are_of_the_nearest_rank(durations: list[int], expected: tuple[int | None, ...]) -> None:
    recent = Recent(by_plugin={}, durations=durations)
    assert tuple(recent.percentile(share) for share in (50, 95, 99)) == expected
