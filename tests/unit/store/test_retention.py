"""What is old goes; nothing that is still needed does."""

from dataclasses import replace

from support.store import Bench, child, event, run, start

from ductile.model.ids import new_id
from ductile.model.order import Idempotency, NewContext, Skip
from ductile.store.retention import trim


def trim_all(bench: Bench, limit: int = 100, *, attempts: bool = True) -> int:
    bench.now += 10
    return bench.do(trim, jobs_before=bench.now, attempts_before=bench.now if attempts else 0, limit=limit)


def sizes(bench: Bench) -> dict[str, int]:
    tables = ("jobs", "attempts", "events", "skips", "contexts", "idempotency")
    return {name: bench.all(f"SELECT count(*) FROM {name}")[0][0] for name in tables}


def test_an_old_job_goes_with_all_that_is_its_own(bench: Bench) -> None:
    key = Idempotency(principal="t", method="POST", path="/", key="k", body_hash="b", ttl=5)
    bench.insert(start(idempotency=key))
    job = bench.claim_one("echo").job
    bench.settle(job, events=(event(job_id=job.id),))
    assert trim_all(bench) > 0
    assert set(sizes(bench).values()) == {0}
    assert bench.all("SELECT kind FROM journal") == [("job.ended",)], "the newest row stays: seq must only rise"
    assert trim_all(bench) == 0
    assert bench.all("SELECT count(*) FROM counts") == [(0,)]


def test_attempts_stay_longer_than_their_jobs(bench: Bench) -> None:
    bench.insert(start())
    bench.settle(bench.claim_one("echo").job)
    trim_all(bench, attempts=False)
    assert (sizes(bench)["jobs"], sizes(bench)["attempts"]) == (0, 1)


def test_what_has_not_ended_stays(bench: Bench) -> None:
    bench.insert(start())
    bench.insert(run("one", "two"))
    job = bench.claim_one("echo").job
    bench.settle(job)
    bench.settle(bench.claim_one("echo").job)
    before = sizes(bench)
    assert before["jobs"] == 4
    trim_all(bench)
    assert sizes(bench)["jobs"] == 3, "the plain job went; the run is open"
    assert bench.counts_are_true()


def test_a_run_goes_a_batch_at_a_time_and_its_root_last(bench: Bench) -> None:
    given = event()
    context = NewContext(id=new_id(), parent_id=None, values=b"{}")
    steps = tuple(child(str(n), given.id, context=context if n == 0 else None) for n in range(5))
    root = bench.insert(
        run(event=given, event_id=given.id, children=steps, skips=(Skip(step="s", reason="condition"),))
    ).job_id
    for claimed in bench.claim({"echo": 5}).claimed:
        bench.settle(claimed.job)
    for left in (4, 2):
        assert trim_all(bench, limit=2, attempts=False) == 2
        assert sizes(bench)["jobs"] == left
        assert bench.state(root) == "succeeded"
        assert bench.counts_are_true()
    assert trim_all(bench, limit=2, attempts=False) == 2
    assert {name: size for name, size in sizes(bench).items() if size} == {"attempts": 5}


def test_an_event_stays_while_a_job_that_it_started_does(bench: Bench) -> None:
    bench.insert(start())
    job = bench.claim_one("echo").job
    emitted = event(job_id=job.id)
    started = replace(start("report"), event=None, event_id=emitted.id, cause_event_id=emitted.id)
    bench.settle(job, events=(emitted, event(job_id=job.id)), starts=(started,))
    trim_all(bench)
    assert bench.all("SELECT id FROM events") == [(emitted.id,)]
    assert bench.claim_one("report").event.id == emitted.id
    bench.settle(replace(job, id=started.id))
    trim_all(bench)
    assert bench.all("SELECT count(*) FROM events") == [(0,)]
