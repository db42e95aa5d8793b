"""Claims, lane by lane; what is held and released; what becomes due."""

from support.store import MANY, Bench, child, event, run, start

from ductile.model.claims import MAX_MOVED_JOBS, PLUGIN_UNAVAILABLE
from ductile.model.job import Job, State
from ductile.model.notification import JobDue, LaneDrained, LaneReady
from ductile.model.writes import NewContext, StateUpdate
from ductile.store.claim import claim
from ductile.store.lane_moves import hold_lane, promote, release
from ductile.store.start import insert_start
from ductile.store.transaction import Tx


def plugins(jobs: list[Job]) -> list[str]:
    return [job.plugin for job in jobs]


def claimed(bench: Bench, free: dict[str, int], total: int = MANY) -> list[Job]:
    return [one.job for one in bench.claim(free, total).claimed]


def test_a_claim_gives_an_attempt_all_it_needs(bench: Bench) -> None:
    baggage = NewContext(id="c", parent_id=None, values=b'{"from":"before"}')
    first = bench.insert(start())
    job = bench.claim_one("echo").job
    bench.settle(job, state_update=StateUpdate(plugin="echo", values={"seen": 1}))
    given = event()
    bench.insert(run(event=given, event_id=given.id, children=(child("step", given.id, context=baggage),)))
    bench.now += 5
    one = bench.claim_one("echo")
    assert first.job_id == job.id
    assert (one.job.state, one.job.attempt, one.job.started_at) == (State.RUNNING, 1, bench.now)
    assert one.event == given
    assert one.context == b'{"from":"before"}'
    assert one.plugin_state == b'{"seen":1}'


def test_what_is_not_there_is_an_empty_object(bench: Bench) -> None:
    bench.insert(start())
    one = bench.claim_one("echo")
    assert (one.context, one.plugin_state) == (b"{}", b"{}")


def test_the_best_of_all_lanes_goes_first(bench: Bench) -> None:
    for plugin, priority, run_at in (("a", 0, 5), ("b", 1, 9), ("a", 1, 8), ("c", 0, 4), ("b", -1, 1)):
        bench.insert(start(plugin, priority=priority, run_at=run_at))
    jobs = claimed(bench, {"a": 2, "b": 2, "c": 2})
    assert [(job.plugin, job.priority) for job in jobs] == [("a", 1), ("b", 1), ("c", 0), ("a", 0), ("b", -1)]


def test_equals_go_in_the_order_they_came(bench: Bench) -> None:
    ids = [bench.insert(start()).job_id for _ in range(4)]
    assert [job.id for job in claimed(bench, {"echo": 4})] == ids


def test_no_lane_takes_more_than_its_free_slots_and_all_no_more_than_the_total(bench: Bench) -> None:
    for plugin in ("a", "b") * 4:
        bench.insert(start(plugin))
    assert plugins(claimed(bench, {"a": 1, "b": 2}, total=2)) == ["a", "b"]
    claims = bench.claim({"a": 1, "b": 0, "c": 3}, MANY)
    assert plugins([one.job for one in claims.claimed]) == ["a"]
    assert claims.drained == {"c"}


def test_a_lane_is_drained_when_nothing_is_ready_in_it(bench: Bench) -> None:
    bench.insert(start())
    bench.insert(start(run_at=bench.now + 1))
    claims = bench.claim({"echo": 5})
    assert len(claims.claimed) == 1
    assert claims.drained == {"echo"}


def test_nothing_is_looked_at_without_a_free_slot(bench: Bench) -> None:
    bench.insert(start())
    claims = bench.claim({"echo": 5}, total=0)
    assert (claims.claimed, claims.drained) == ((), frozenset())


def test_a_refused_job_is_held_before_its_attempt_rises_and_takes_no_slot(bench: Bench) -> None:
    refused = bench.insert(start(priority=1)).job_id
    admitted = bench.insert(start()).job_id
    claims = bench.claim({"echo": 1}, gate=lambda job: "breaker" if job.id == refused else None)
    assert [one.job.id for one in claims.claimed] == [admitted]
    row = bench.row(refused)
    assert (row["state"], row["held_reason"], row["attempt"]) == ("held", "breaker", 0)
    assert bench.counts_are_true()


def test_one_claim_refuses_a_bounded_number_and_asks_for_another(bench: Bench) -> None:
    for _ in range(MAX_MOVED_JOBS + 1):
        bench.insert(start())
    claims = bench.claim({"echo": 1}, gate=lambda _job: "breaker")
    assert claims == type(claims)((), frozenset())
    assert bench.signals == [LaneReady("echo")]
    assert bench.all("SELECT count(*) FROM jobs WHERE state = 'queued'") == [(1,)]


def test_roots_of_runs_are_never_claimed(bench: Bench) -> None:
    root = bench.insert(run("one"))
    assert [job.id for job in claimed(bench, {"echo": 9, "pipeline": 9, "": 9})] != [root.job_id]
    assert bench.row(root.job_id)["attempt"] == 0


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


def test_a_job_held_for_another_reason_is_not_released_by_a_reload(bench: Bench) -> None:
    bench.insert(start())
    bench.claim({"echo": 1}, gate=lambda _job: "breaker")
    assert bench.do(release, {"echo": frozenset({"poll"})}) == 0


def test_a_retry_that_was_held_is_released_at_its_own_time(bench: Bench) -> None:
    bench.insert(start())
    bench.settle(bench.claim_one("echo").job, State.QUEUED, run_at=bench.now + 50)
    assert bench.signals == [JobDue(bench.now + 50)]
    bench.now += 50
    bench.do(promote)
    bench.do(hold_lane, "echo", PLUGIN_UNAVAILABLE)
    bench.now -= 50
    bench.do(release, {"echo": frozenset({"poll"})})
    assert bench.signals == [JobDue(bench.now + 50)]


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
