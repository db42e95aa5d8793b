"""The last word of a plugin's checks."""

from pathlib import Path

import orjson
import pytest
from support.store import SqliteHarness, child, event, run, start, trim

from ductile.model.health import UnhealthyPlugin
from ductile.model.job import Job, Outcome, State
from ductile.store.cancel import cancel
from ductile.store.plugin_health import END_KEY, FIRST_KEY, read_unhealthy
from ductile.store.sqlite.store import SqliteStore

BAD = (State.FAILED, State.TIMED_OUT, State.DEAD)


def running(harness: SqliteHarness, plugin: str = "echo", command: str = "health") -> Job:
    harness.insert(start(plugin, command))
    return harness.claim_one(plugin).job


def ended(
    harness: SqliteHarness, state: State, command: str = "health", plugin: str = "echo", error: str | None = "no"
) -> str:
    job = running(harness, plugin, command)
    assert harness.settle(job, state, error=error)
    return job.id


def unhealthy(harness: SqliteHarness) -> list[UnhealthyPlugin]:
    return [read_unhealthy(row) for row in harness.do(lambda tx: tx.rows("failed_checks", low=FIRST_KEY, high=END_KEY))]


def told(harness: SqliteHarness) -> list[tuple[str, str]]:
    rows = harness.all("SELECT kind, job_id FROM journal WHERE kind LIKE 'plugin.%' ORDER BY seq")
    return [(kind, job_id) for kind, job_id in rows]


@pytest.mark.parametrize("command", ["health", "init"])
@pytest.mark.parametrize("state", BAD)
def test_a_check_that_does_not_succeed_is_kept_with_its_reason(
    harness: SqliteHarness, command: str, state: State
) -> None:
    job_id = ended(harness, state, command, error="no route to host")
    [one] = unhealthy(harness)
    assert one == UnhealthyPlugin(
        plugin="echo", command=command, reason="no route to host", since=harness.now, job_id=job_id
    )
    assert told(harness) == [("plugin.unhealthy", job_id)]


def test_a_success_takes_it_back_and_only_that_of_its_own_plugin_and_command(harness: SqliteHarness) -> None:
    for plugin, command in (("a", "health"), ("a", "init"), ("b", "health")):
        ended(harness, State.FAILED, command, plugin)
    good = ended(harness, State.SUCCEEDED, "health", "a")
    assert [(one.plugin, one.command) for one in unhealthy(harness)] == [("a", "init"), ("b", "health")]
    assert told(harness)[-1] == ("plugin.healthy", good)


def test_it_is_unhealthy_since_the_first_failure_for_the_reason_of_the_last(harness: SqliteHarness) -> None:
    ended(harness, State.FAILED, error="first")
    began = harness.now
    harness.now += 1000
    last = ended(harness, State.TIMED_OUT, error="second")
    [one] = unhealthy(harness)
    assert (one.since, one.reason, one.job_id) == (began, "second", last)
    assert len(told(harness)) == 1
    ended(harness, State.SUCCEEDED)
    harness.now += 1000
    ended(harness, State.FAILED)
    assert unhealthy(harness)[0].since == harness.now


def test_a_success_of_a_healthy_plugin_writes_nothing(harness: SqliteHarness) -> None:
    ended(harness, State.SUCCEEDED)
    assert unhealthy(harness) == []
    assert told(harness) == []


def test_other_commands_and_pipelines_of_that_name_say_nothing(harness: SqliteHarness) -> None:
    ended(harness, State.FAILED, "poll")
    harness.insert(run(name="health", error="a loop"))
    assert unhealthy(harness) == []


def test_a_step_of_a_run_counts_like_any_other_job(harness: SqliteHarness) -> None:
    given = event()
    step = child("one", given.id, command="health")
    harness.insert(run(event=given, event_id=given.id, children=(step,)))
    harness.settle(harness.claim_one("echo").job, State.FAILED, error="no")
    assert [one.job_id for one in unhealthy(harness)] == [step.id]


def test_an_attempt_that_is_tried_again_says_nothing_yet(harness: SqliteHarness) -> None:
    harness.settle(running(harness), State.QUEUED, outcome=Outcome.LOST)
    assert unhealthy(harness) == []


def test_a_cancelled_health_says_nothing_and_a_cancelled_init_was_not_done(harness: SqliteHarness) -> None:
    for command in ("health", "init"):
        harness.do(cancel, harness.insert(start(command=command)).job_id)
    [one] = unhealthy(harness)
    assert (one.command, one.reason) == ("init", "it was cancelled")


def test_it_stays_when_its_job_is_forgotten(harness: SqliteHarness) -> None:
    job_id = ended(harness, State.FAILED)
    harness.do(trim, jobs_before=harness.now + 1, attempts_before=harness.now + 1, limit=100)
    assert harness.all("SELECT id FROM jobs") == []
    assert unhealthy(harness)[0].job_id == job_id


async def test_the_store_tells_them_by_name(tmp_path: Path) -> None:
    harness = SqliteHarness(tmp_path / "state.db")
    for plugin in ("b-2", "a_1", "zz"):
        ended(harness, State.FAILED, plugin=plugin)
    harness.connection.execute("INSERT INTO meta VALUES ('unhealthx', 'x'), ('unhealthz', 'x')")
    harness.connection.commit()
    harness.close()
    store = await SqliteStore.open(tmp_path / "state.db", clock=lambda: 1)
    assert [one.plugin for one in await store.unhealthy()] == ["a_1", "b-2", "zz"]
    await store.close()


def test_what_is_kept_is_one_object(harness: SqliteHarness) -> None:
    ended(harness, State.FAILED, error='a "quoted" \n line 😀')
    [(value,)] = harness.all("SELECT value FROM meta WHERE key = 'unhealthy/echo/health'")
    assert orjson.loads(value)["reason"] == 'a "quoted" \n line 😀'
