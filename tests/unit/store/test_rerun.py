"""What has ended is started again beside the old row, which never changes."""

import pytest
from msgspec.structs import replace
from support.store import Bench, start, trim

from ductile.model.job import State
from ductile.model.writes import Idempotency, Start
from ductile.store.errors import JobUnfinished, UnknownJob
from ductile.store.rerun import insert_rerun


def again(first: Start) -> Start:
    """Another start on the event of the first."""
    return replace(start(), event=None, event_id=first.event_id, cause_event_id=first.event_id)


def ended(bench: Bench) -> Start:
    first = start()
    bench.insert(first)
    bench.settle(bench.claim_one("echo").job, State.FAILED)
    return first


def test_the_new_job_names_the_old_one_and_shares_its_event(bench: Bench) -> None:
    first = ended(bench)
    before = bench.row(first.id)
    accepted = bench.do(insert_rerun, again(first), first.id)
    row = bench.row(accepted.job_id)
    assert (row["retry_of"], row["event_id"], row["state"]) == (first.id, first.event_id, "queued")
    assert bench.row(first.id) == before
    assert bench.all("SELECT count(*) FROM events") == [(1,)]
    assert bench.claim_one("echo").event == first.event
    assert bench.counts_are_true()


def test_what_runs_or_waits_is_not_started_again(bench: Bench) -> None:
    first = start()
    bench.insert(first)
    for state in ("queued", "running"):
        with pytest.raises(JobUnfinished, match=f"still {state}"):
            bench.do(insert_rerun, again(first), first.id)
        bench.claim({"echo": 1})
    assert bench.all("SELECT count(*) FROM jobs") == [(1,)]


def test_what_retention_has_removed_is_not_started_again(bench: Bench) -> None:
    first = ended(bench)
    bench.now += 10
    bench.do(trim, jobs_before=bench.now, attempts_before=0, limit=10)
    with pytest.raises(UnknownJob):
        bench.do(insert_rerun, again(first), first.id)


def test_the_event_stays_as_long_as_the_new_job_does(bench: Bench) -> None:
    first = ended(bench)
    accepted = bench.do(insert_rerun, again(first), first.id)
    bench.now += 10
    bench.do(trim, jobs_before=bench.now, attempts_before=0, limit=10)
    assert bench.all("SELECT id FROM jobs") == [(accepted.job_id,)]
    assert bench.claim_one("echo").event.id == first.event_id
    assert bench.row(accepted.job_id)["retry_of"] == first.id


def test_the_same_idempotency_key_starts_it_again_once(bench: Bench) -> None:
    first = ended(bench)
    key = Idempotency(principal="t", method="POST", path="/job/x/retry", key="k", body_hash="b", ttl=50)
    made = [bench.do(insert_rerun, replace(again(first), idempotency=key), first.id) for _ in range(2)]
    assert made[0].job_id == made[1].job_id
    assert (made[0].replayed, made[1].replayed) == (False, True)
    assert bench.all("SELECT count(*) FROM jobs") == [(2,)]
