"""What waits can be cancelled at once; what runs goes on."""

from collections.abc import AsyncIterator

import pytest
from support.store import Bench, child, event, run, start

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.filters import WaitingFilter
from ductile.model.ids import new_id
from ductile.model.job import State
from ductile.model.notification import CancelAttempt, JobEnded
from ductile.store.lane_moves import hold_lane
from ductile.store.purge import purge
from ductile.store.sqlite.read_pool import ReadPool
from ductile.store.sqlite.reads import StoreReads


@pytest.fixture
async def readers(bench: Bench) -> AsyncIterator[StoreReads]:
    readers = StoreReads(ReadPool(bench.path))
    yield readers
    await readers.close()


def waiting(bench: Bench) -> list[str]:
    return [row for (row,) in bench.all("SELECT id FROM jobs WHERE state IN ('queued', 'held') ORDER BY id")]


def test_jobs_that_wait_are_cancelled_and_others_are_left(bench: Bench) -> None:
    running = bench.insert(start()).job_id
    bench.claim({"echo": 1})
    queued, later = (bench.insert(start(run_at=at)).job_id for at in (None, bench.now + 1000))
    held = bench.insert(start("gone")).job_id
    bench.do(hold_lane, "gone", PLUGIN_UNAVAILABLE)
    ended = bench.insert(start(error="refused")).job_id
    assert bench.do(purge, [running, queued, later, held, ended, "none"]) == 3
    assert {bench.state(one) for one in (queued, later, held)} == {"cancelled"}
    assert (bench.state(running), bench.state(ended)) == ("running", "failed")
    assert {signal.job_id for signal in bench.signals if isinstance(signal, JobEnded)} == {queued, later, held}
    assert not [signal for signal in bench.signals if isinstance(signal, CancelAttempt)]
    assert bench.row(held)["held_reason"] is None
    assert bench.counts_are_true()
    assert bench.do(purge, [queued]) == 0


def test_a_run_of_which_nothing_else_is_open_is_cancelled(bench: Bench) -> None:
    root = bench.insert(run("one", "two")).job_id
    assert bench.do(purge, waiting(bench)) == 2
    row = bench.row(root)
    assert (row["state"], row["open_jobs"], row["error"]) == ("cancelled", 0, None)
    assert bench.counts_are_true()


def test_a_run_is_cancelled_whole_also_by_two_batches(bench: Bench) -> None:
    root = bench.insert(run("one", "two")).job_id
    for job_id in waiting(bench):
        bench.do(purge, [job_id])
    assert bench.state(root) == "cancelled"
    assert bench.counts_are_true()


def test_a_run_that_still_works_goes_on_with_a_failed_step(bench: Bench) -> None:
    given = event()
    steps = (child("one", given.id, "echo"), child("two", given.id, "other"))
    root = bench.insert(run(event=given, event_id=given.id, children=steps)).job_id
    job = bench.claim_one("echo").job
    assert bench.do(purge, waiting(bench)) == 1
    assert bench.row(root)["state"] == "running"
    bench.settle(job, State.SUCCEEDED)
    row = bench.row(root)
    assert (row["state"], row["error"]) == ("failed", "two: cancelled")
    assert bench.counts_are_true()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (WaitingFilter(), ["a", "b", "c", "d", "e"]),
        (WaitingFilter(plugin="echo"), ["a", "b", "d", "e"]),
        (WaitingFilter(plugin="echo", command="peek"), ["b"]),
        (WaitingFilter(pipeline="flow"), ["d", "e"]),
        (WaitingFilter(pipeline="flow", plugin="other"), []),
        (WaitingFilter(pipeline="other"), []),
        (WaitingFilter(states=(State.HELD,)), ["c"]),
        (WaitingFilter(states=(State.QUEUED,)), ["a", "b", "d", "e"]),
        (WaitingFilter(plugin="nobody"), []),
    ],
)
async def test_what_waits_is_found_by_what_it_is(
    bench: Bench, readers: StoreReads, wanted: WaitingFilter, names: list[str]
) -> None:
    bench.insert(start("runs"))
    bench.claim({"runs": 1})
    made = {name: bench.insert(start(command=command)).job_id for name, command in (("a", "poll"), ("b", "peek"))}
    made["c"] = bench.insert(start("gone")).job_id
    bench.do(hold_lane, "gone", PLUGIN_UNAVAILABLE)
    before = set(waiting(bench))
    bench.insert(run("d", "e"))
    made |= dict(zip("de", sorted(set(waiting(bench)) - before), strict=True))
    below = new_id()
    late = bench.insert(start()).job_id
    expected = [made[name] for name in names]
    assert await readers.waiting_jobs(wanted, "", below, 100) == expected
    for n, job_id in enumerate(expected):
        assert await readers.waiting_jobs(wanted, expected[n - 1] if n else "", below, 1) == [job_id]
    assert late in await readers.waiting_jobs(WaitingFilter(), "", new_id(), 100)
