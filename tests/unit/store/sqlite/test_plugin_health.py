"""The last word of a plugin's checks."""

from pathlib import Path

import orjson
import pytest
from support.store import Bench, child, event, run, start, trim

from ductile.model.health import UnhealthyPlugin
from ductile.model.job import Job, Outcome, State
from ductile.store.cancel import cancel
from ductile.store.plugin_health import END_KEY, FIRST_KEY, read_unhealthy
from ductile.store.sqlite.store import SqliteStore

BAD = (State.FAILED, State.TIMED_OUT, State.DEAD)


def running(bench: Bench, plugin: str = "echo", command: str = "health") -> Job:
    bench.insert(start(plugin, command))
    return bench.claim_one(plugin).job


def ended(bench: Bench, state: State, command: str = "health", plugin: str = "echo", error: str | None = "no") -> str:
    job = running(bench, plugin, command)
    assert bench.settle(job, state, error=error)
    return job.id


def unhealthy(bench: Bench) -> list[UnhealthyPlugin]:
    return [read_unhealthy(row) for row in bench.do(lambda tx: tx.rows("failed_checks", low=FIRST_KEY, high=END_KEY))]


def told(bench: Bench) -> list[tuple[str, str]]:
    rows = bench.all("SELECT kind, job_id FROM journal WHERE kind LIKE 'plugin.%' ORDER BY seq")
    return [(kind, job_id) for kind, job_id in rows]


@pytest.mark.parametrize("command", ["health", "init"])
@pytest.mark.parametrize("state", BAD)
def test_a_check_that_does_not_succeed_is_kept_with_its_reason(bench: Bench, command: str, state: State) -> None:
    job_id = ended(bench, state, command, error="no route to host")
    [one] = unhealthy(bench)
    assert one == UnhealthyPlugin(
        plugin="echo", command=command, reason="no route to host", since=bench.now, job_id=job_id
    )
    assert told(bench) == [("plugin.unhealthy", job_id)]


def test_a_success_takes_it_back_and_only_that_of_its_own_plugin_and_command(bench: Bench) -> None:
    for plugin, command in (("a", "health"), ("a", "init"), ("b", "health")):
        ended(bench, State.FAILED, command, plugin)
    good = ended(bench, State.SUCCEEDED, "health", "a")
    assert [(one.plugin, one.command) for one in unhealthy(bench)] == [("a", "init"), ("b", "health")]
    assert told(bench)[-1] == ("plugin.healthy", good)


def test_it_is_unhealthy_since_the_first_failure_for_the_reason_of_the_last(bench: Bench) -> None:
    ended(bench, State.FAILED, error="first")
    began = bench.now
    bench.now += 1000
    last = ended(bench, State.TIMED_OUT, error="second")
    [one] = unhealthy(bench)
    assert (one.since, one.reason, one.job_id) == (began, "second", last)
    assert len(told(bench)) == 1
    ended(bench, State.SUCCEEDED)
    bench.now += 1000
    ended(bench, State.FAILED)
    assert unhealthy(bench)[0].since == bench.now


def test_a_success_of_a_healthy_plugin_writes_nothing(bench: Bench) -> None:
    ended(bench, State.SUCCEEDED)
    assert unhealthy(bench) == []
    assert told(bench) == []


def test_other_commands_and_pipelines_of_that_name_say_nothing(bench: Bench) -> None:
    ended(bench, State.FAILED, "poll")
    bench.insert(run(name="health", error="a loop"))
    assert unhealthy(bench) == []


def test_a_step_of_a_run_counts_like_any_other_job(bench: Bench) -> None:
    given = event()
    step = child("one", given.id, command="health")
    bench.insert(run(event=given, event_id=given.id, children=(step,)))
    bench.settle(bench.claim_one("echo").job, State.FAILED, error="no")
    assert [one.job_id for one in unhealthy(bench)] == [step.id]


def test_an_attempt_that_is_tried_again_says_nothing_yet(bench: Bench) -> None:
    bench.settle(running(bench), State.QUEUED, outcome=Outcome.LOST)
    assert unhealthy(bench) == []


def test_a_cancelled_health_says_nothing_and_a_cancelled_init_was_not_done(bench: Bench) -> None:
    for command in ("health", "init"):
        bench.do(cancel, bench.insert(start(command=command)).job_id)
    [one] = unhealthy(bench)
    assert (one.command, one.reason) == ("init", "it was cancelled")


def test_it_stays_when_its_job_is_forgotten(bench: Bench) -> None:
    job_id = ended(bench, State.FAILED)
    bench.do(trim, jobs_before=bench.now + 1, attempts_before=bench.now + 1, limit=100)
    assert bench.all("SELECT id FROM jobs") == []
    assert unhealthy(bench)[0].job_id == job_id


async def test_the_store_tells_them_by_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state.db")
    for plugin in ("b-2", "a_1", "zz"):
        ended(bench, State.FAILED, plugin=plugin)
    bench.connection.execute("INSERT INTO meta VALUES ('unhealthx', 'x'), ('unhealthz', 'x')")
    bench.connection.commit()
    bench.close()
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1)
    assert [one.plugin for one in await store.unhealthy()] == ["a_1", "b-2", "zz"]
    await store.close()


def test_what_is_kept_is_one_object(bench: Bench) -> None:
    ended(bench, State.FAILED, error='a "quoted" \n line 😀')
    [(value,)] = bench.all("SELECT value FROM meta WHERE key = 'unhealthy/echo/health'")
    assert orjson.loads(value)["reason"] == 'a "quoted" \n line 😀'
