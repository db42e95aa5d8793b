"""Claims, lane by lane; what is held and released; what becomes due."""

from support.store import MANY, Bench, start

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.job import Job
from ductile.model.notification import LaneDrained, LaneReady
from ductile.store.claim import claim
from ductile.store.lane_moves import hold_lane, promote, release
from ductile.store.start import insert_start
from ductile.store.transaction import Tx


def claimed(bench: Bench, free: dict[str, int], total: int = MANY) -> list[Job]:
    return [one.job for one in bench.claim(free, total).claimed]


def test_what_is_due_becomes_ready_a_batch_at_a_time(bench: Bench) -> None:
    for wait in (10, 20, 30):
        bench.insert(start(run_at=bench.now + wait))
    first = bench.now + 10
    assert bench.do(promote) == first
    assert claimed(bench, {"echo": 9}) == []
    bench.now += 20
    assert bench.do(promote, 1) == bench.now
    assert bench.signals == [LaneReady("echo")]
    assert bench.do(promote, 1) == bench.now + 10
    assert len(claimed(bench, {"echo": 9})) == 2
    bench.now += 10
    assert bench.do(promote) is None


def test_a_held_lane_is_released_with_its_plugin(bench: Bench) -> None:
    ids = [bench.insert(start()).job_id for _ in range(3)]
    other = bench.insert(start(command="gone")).job_id
    assert bench.do(hold_lane, "echo", PLUGIN_UNAVAILABLE, 3) == 3
    assert bench.do(hold_lane, "echo", PLUGIN_UNAVAILABLE, 3) == 1
    assert claimed(bench, {"echo": 9}) == []
    assert bench.do(release, {"other": frozenset({"poll"})}) == 0
    assert bench.do(release, {"echo": frozenset({"poll"})}, 2) == 2
    assert bench.signals == [LaneReady("echo")]
    assert bench.do(release, {"echo": frozenset({"poll"})}) == 1
    assert bench.counts_are_true()
    assert {job.id for job in claimed(bench, {"echo": 9})} == set(ids)
    assert bench.row(other)["held_reason"] == PLUGIN_UNAVAILABLE


def test_what_comes_ready_behind_a_drained_lane_is_signalled_behind_it(bench: Bench) -> None:
    def drain_then_insert(tx: Tx) -> None:
        insert_start(tx, start())
        claim(tx, {"echo": 2}, 2, lambda _job: None)
        insert_start(tx, start())

    bench.do(drain_then_insert)
    assert bench.signals == [LaneDrained("echo"), LaneReady("echo")]


def test_a_claim_costs_the_same_whatever_waits_behind_it(bench: Bench) -> None:
    def steps() -> int:
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        bench.connection.set_progress_handler(step, 1)
        assert len(bench.claim({"echo": 8}).claimed) == 8
        bench.connection.set_progress_handler(None, 1)
        return count

    for _ in range(16):
        bench.insert(start())
    bench.claim({"echo": 8})
    alone = steps()
    for _ in range(1500):
        bench.insert(start())

    assert steps() < alone * 1.2
