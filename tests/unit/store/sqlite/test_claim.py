"""Claims, lane by lane; what is held and released; what becomes due."""

from support.store import MANY, SqliteHarness, start

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.job import Job
from ductile.model.notification import LaneDrained, LaneReady
from ductile.store.claim import claim
from ductile.store.lane_moves import hold_lane, promote, release
from ductile.store.start import insert_start
from ductile.store.transaction import Tx


def claimed(harness: SqliteHarness, free: dict[str, int], total: int = MANY) -> list[Job]:
    return [one.job for one in harness.claim(free, total).claimed]


def test_what_is_due_becomes_ready_a_batch_at_a_time(harness: SqliteHarness) -> None:
    for wait in (10, 20, 30):
        harness.insert(start(run_at=harness.now + wait))
    first = harness.now + 10
    assert harness.do(promote) == first
    assert claimed(harness, {"echo": 9}) == []
    harness.now += 20
    assert harness.do(promote, 1) == harness.now
    assert harness.signals == [LaneReady("echo")]
    assert harness.do(promote, 1) == harness.now + 10
    assert len(claimed(harness, {"echo": 9})) == 2
    harness.now += 10
    assert harness.do(promote) is None


def test_a_held_lane_is_released_with_its_plugin(harness: SqliteHarness) -> None:
    ids = [harness.insert(start()).job_id for _ in range(3)]
    other = harness.insert(start(command="gone")).job_id
    assert harness.do(hold_lane, "echo", PLUGIN_UNAVAILABLE, 3) == 3
    assert harness.do(hold_lane, "echo", PLUGIN_UNAVAILABLE, 3) == 1
    assert claimed(harness, {"echo": 9}) == []
    assert harness.do(release, {"other": frozenset({"poll"})}) == 0
    assert harness.do(release, {"echo": frozenset({"poll"})}, 2) == 2
    assert harness.signals == [LaneReady("echo")]
    assert harness.do(release, {"echo": frozenset({"poll"})}) == 1
    assert harness.counts_are_true()
    assert {job.id for job in claimed(harness, {"echo": 9})} == set(ids)
    assert harness.row(other)["held_reason"] == PLUGIN_UNAVAILABLE


def test_what_comes_ready_behind_a_drained_lane_is_signalled_behind_it(harness: SqliteHarness) -> None:
    def drain_then_insert(tx: Tx) -> None:
        insert_start(tx, start())
        claim(tx, {"echo": 2}, 2, lambda _job: None)
        insert_start(tx, start())

    harness.do(drain_then_insert)
    assert harness.signals == [LaneDrained("echo"), LaneReady("echo")]


def test_a_claim_costs_the_same_whatever_waits_behind_it(harness: SqliteHarness) -> None:
    def steps() -> int:
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        harness.connection.set_progress_handler(step, 1)
        assert len(harness.claim({"echo": 8}).claimed) == 8
        harness.connection.set_progress_handler(None, 1)
        return count

    for _ in range(16):
        harness.insert(start())
    harness.claim({"echo": 8})
    alone = steps()
    for _ in range(1500):
        harness.insert(start())

    assert steps() < alone * 1.2
