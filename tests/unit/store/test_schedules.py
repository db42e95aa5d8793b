"""Due times stand in the store."""

from support.store import Bench, start

from ductile.store.schedules import fire, reschedule, sync_schedules


def test_a_new_schedule_is_kept_a_known_one_keeps_its_times_and_a_missing_one_goes(bench: Bench) -> None:
    rows = bench.do(sync_schedules, {"echo/a": (100, 101), "echo/b": (200, 202)})
    assert [(row.id, row.base_at, row.due_at) for row in rows] == [("echo/a", 100, 101), ("echo/b", 200, 202)]
    rows = bench.do(sync_schedules, {"echo/b": (300, 303), "echo/c": (400, 404)})
    assert [(row.id, row.base_at, row.due_at) for row in rows] == [("echo/b", 200, 202), ("echo/c", 400, 404)]


def test_a_due_time_makes_one_job(bench: Bench) -> None:
    bench.do(sync_schedules, {"echo/a": (100, 101)})
    accepted = bench.do(fire, "echo/a", 101, 200, 203, start())
    assert accepted is not None
    (row,) = bench.do(sync_schedules, {"echo/a": (0, 0)})
    assert (row.base_at, row.due_at, row.last_job_id) == (200, 203, accepted.job_id)
    assert bench.do(fire, "echo/a", 101, 200, 203, start()) is None
    assert bench.all("SELECT count(*) FROM jobs") == [(1,)]


def test_a_due_time_is_skipped_while_the_last_job_is_outstanding(bench: Bench) -> None:
    bench.do(sync_schedules, {"echo/a": (100, 100)})
    first = bench.do(fire, "echo/a", 100, 200, 200, start())
    assert first is not None
    assert bench.do(fire, "echo/a", 200, 300, 300, start()) is None
    assert bench.all("SELECT kind, job_id FROM journal") == [("schedule.skipped", first.job_id)]
    bench.settle(bench.claim_one("echo").job)
    assert bench.do(fire, "echo/a", 300, 400, 400, start()) is not None


def test_a_schedule_is_moved_only_from_where_it_is_expected(bench: Bench) -> None:
    bench.do(sync_schedules, {"echo/a": (100, 100)})
    assert bench.do(reschedule, "echo/a", 100, 50, 51).due_at == 51
    assert bench.do(reschedule, "echo/a", 100, 70, 71).due_at == 51
