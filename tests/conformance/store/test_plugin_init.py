"""`init` jobs: one for each hash, remembered in the transaction that makes the job."""

import pytest
from support.store import start
from support.store_backends import StoreHarness

from ductile.model.claims import Hold
from ductile.model.filters import JobFilter
from ductile.model.job import State
from ductile.model.writes import PluginInit


async def begin(at: StoreHarness, hash_: str, plugin: str = "echo") -> str | None:
    """The id of the job that was started."""
    begun = await at.store.begin_inits(
        [PluginInit(plugin=plugin, hash=hash_, start=start(plugin, "init", submitted_by="init"))]
    )
    return begun[0].job_id if begun else None


async def init_states(at: StoreHarness) -> list[str]:
    rows = (await at.store.jobs(JobFilter(command="init"))).rows
    return [row.state.value for row in reversed(rows)]


async def test_a_hash_gets_one_job_whatever_becomes_of_it(at: StoreHarness) -> None:
    first = await begin(at, "one")
    assert first is not None
    assert await begin(at, "one") is None
    await at.settle((await at.claim_one("echo")).job, State.FAILED, error="no")
    assert await begin(at, "one") is None
    assert await init_states(at) == ["failed"]


async def test_another_hash_gets_another_job(at: StoreHarness) -> None:
    await begin(at, "one")
    await at.settle((await at.claim_one("echo")).job)
    assert await begin(at, "two") is not None
    await at.settle((await at.claim_one("echo")).job)
    assert await begin(at, "one") is not None


async def test_each_instance_has_its_own(at: StoreHarness) -> None:
    assert await begin(at, "one", "a") is not None
    assert await begin(at, "one", "b") is not None
    assert await begin(at, "one", "a") is None


@pytest.mark.parametrize("held", [False, True])
async def test_one_that_waits_for_an_earlier_hash_is_cancelled(at: StoreHarness, held: bool) -> None:  # noqa: FBT001 - a case
    await begin(at, "one")
    if held:
        await at.claim({"echo": 1}, gate=lambda _job: Hold("plugin_unavailable"))
    await begin(at, "two")
    assert await init_states(at) == ["cancelled", "queued"]
    assert await at.store.unhealthy() == []


async def test_one_that_runs_for_an_earlier_hash_runs_on(at: StoreHarness) -> None:
    await begin(at, "one")
    job = (await at.claim_one("echo")).job
    await begin(at, "two")
    assert await init_states(at) == ["running", "queued"]
    assert (await at.view(job.id)).cancel_at is None


async def test_a_new_one_takes_back_what_the_last_one_said(at: StoreHarness) -> None:
    await begin(at, "one")
    await at.settle((await at.claim_one("echo")).job, State.FAILED, error="no")
    assert await at.store.unhealthy()
    await begin(at, "two")
    assert not await at.store.unhealthy()


@pytest.mark.parametrize("state", [State.FAILED, State.SUCCEEDED])
async def test_the_end_of_one_for_an_earlier_hash_says_nothing(at: StoreHarness, state: State) -> None:
    await begin(at, "one")
    old = (await at.claim_one("echo")).job
    await begin(at, "two")
    new = (await at.claim_one("echo")).job
    other = State.SUCCEEDED if state is State.FAILED else State.FAILED
    await at.settle(new, other, error="no")
    await at.settle(old, state, error="no")
    assert len(await at.store.unhealthy()) == (other is State.FAILED)
