"""`init` jobs: one for each hash, remembered in the transaction that makes the job."""

import pytest
from support.store import Bench, start

from ductile.model.job import State
from ductile.model.writes import PluginInit
from ductile.store.plugin_init import begin_inits


def begin(bench: Bench, hash_: str, plugin: str = "echo") -> str | None:
    """The id of the job that was started."""
    begun = bench.do(
        begin_inits, [PluginInit(plugin=plugin, hash=hash_, start=start(plugin, "init", submitted_by="init"))]
    )
    return begun[0].job_id if begun else None


def init_states(bench: Bench) -> list[str]:
    return [state for (state,) in bench.all("SELECT state FROM jobs WHERE command = 'init' ORDER BY id")]


def test_a_hash_gets_one_job_whatever_becomes_of_it(bench: Bench) -> None:
    first = begin(bench, "one")
    assert first is not None
    assert begin(bench, "one") is None
    bench.settle(bench.claim_one("echo").job, State.FAILED, error="no")
    assert begin(bench, "one") is None
    assert init_states(bench) == ["failed"]


def test_another_hash_gets_another_job(bench: Bench) -> None:
    begin(bench, "one")
    bench.settle(bench.claim_one("echo").job)
    assert begin(bench, "two") is not None
    bench.settle(bench.claim_one("echo").job)
    assert begin(bench, "one") is not None


def test_each_instance_has_its_own(bench: Bench) -> None:
    assert begin(bench, "one", "a") is not None
    assert begin(bench, "one", "b") is not None
    assert begin(bench, "one", "a") is None


@pytest.mark.parametrize("held", [False, True])
def test_one_that_waits_for_an_earlier_hash_is_cancelled(bench: Bench, held: bool) -> None:  # noqa: FBT001 - a case
    begin(bench, "one")
    if held:
        bench.claim({"echo": 1}, gate=lambda _job: "plugin_unavailable")
    begin(bench, "two")
    assert init_states(bench) == ["cancelled", "queued"]
    assert bench.all("SELECT 1 FROM meta WHERE key LIKE 'unhealthy/%'") == []


def test_one_that_runs_for_an_earlier_hash_runs_on(bench: Bench) -> None:
    begin(bench, "one")
    job = bench.claim_one("echo").job
    begin(bench, "two")
    assert init_states(bench) == ["running", "queued"]
    assert bench.row(job.id)["cancel_at"] is None


def test_a_new_one_takes_back_what_the_last_one_said(bench: Bench) -> None:
    begin(bench, "one")
    bench.settle(bench.claim_one("echo").job, State.FAILED, error="no")
    assert bench.all("SELECT 1 FROM meta WHERE key = 'unhealthy/echo/init'")
    begin(bench, "two")
    assert not bench.all("SELECT 1 FROM meta WHERE key = 'unhealthy/echo/init'")


@pytest.mark.parametrize("state", [State.FAILED, State.SUCCEEDED])
def test_the_end_of_one_for_an_earlier_hash_says_nothing(bench: Bench, state: State) -> None:
    begin(bench, "one")
    old = bench.claim_one("echo").job
    begin(bench, "two")
    new = bench.claim_one("echo").job
    other = State.SUCCEEDED if state is State.FAILED else State.FAILED
    bench.settle(new, other, error="no")
    bench.settle(old, state, error="no")
    assert len(bench.all("SELECT 1 FROM meta WHERE key = 'unhealthy/echo/init'")) == (other is State.FAILED)


def test_the_job_and_its_hash_are_kept_together_or_not_at_all(bench: Bench) -> None:
    broken = start("b", "init", event_id=None)
    inits = [
        PluginInit(plugin="a", hash="one", start=start("a", "init")),
        PluginInit(plugin="b", hash="one", start=broken),
    ]
    with pytest.raises(Exception, match="NOT NULL"):
        bench.do(begin_inits, inits)
    assert init_states(bench) == []
    assert bench.all("SELECT key FROM meta WHERE key LIKE 'init/%'") == []


def test_a_job_that_was_trimmed_is_not_missed(bench: Bench) -> None:
    begin(bench, "one")
    bench.connection.execute("DELETE FROM jobs")
    bench.connection.commit()
    assert begin(bench, "one") is None
    assert begin(bench, "two") is not None
