"""Who starts `init` jobs: at its start, after a reload, and again where the store could not commit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import DispatcherHarness, open_dispatcher

from ductile.ingress import plugin_init
from ductile.ingress.plugin_init import PluginInits
from ductile.model.filters import JobFilter
from ductile.model.snapshot import Snapshot


class InitHarness:
    """The service beside a dispatcher that is not started."""

    def __init__(self, dispatcher: DispatcherHarness) -> None:
        self.dispatcher = dispatcher
        self.source = PluginInits(dispatcher.store, lambda: dispatcher.snapshot, dispatcher.clock)

    def reload(self, hash_: str | None) -> None:
        old, self.dispatcher.snapshot = self.dispatcher.snapshot, snapshot_with_init(self.dispatcher.snapshot, hash_)
        self.source.apply(old, self.dispatcher.snapshot)

    async def wait_for_inits(self, n: int) -> None:
        async def there() -> bool:
            return (await self.dispatcher.store.jobs(JobFilter(plugin="echo", command="init"))).total == n

        await self.dispatcher.until(there)

    async def wait_for_writes(self, times: int) -> None:
        await self.dispatcher.until(lambda: self.dispatcher.store.written.count("begin_inits") >= times)


def snapshot_with_init(snapshot: Snapshot, hash_: str | None) -> Snapshot:
    echo = replace(snapshot.plugins["echo"], init_hash=hash_)
    return replace(snapshot, plugins={**snapshot.plugins, "echo": echo})


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InitHarness]:
    monkeypatch.setattr(plugin_init, "STORE_RETRY_SECONDS", 0.001)
    async with open_dispatcher(tmp_path) as dispatcher:
        dispatcher.snapshot = snapshot_with_init(dispatcher.snapshot, "one")
        harness = InitHarness(dispatcher)
        yield harness
        await harness.source.stop()


async def test_it_starts_one_job_and_another_one_for_another_hash(harness: InitHarness) -> None:
    await harness.source.start()
    await harness.wait_for_inits(1)
    harness.reload("one")
    await harness.wait_for_writes(2)
    harness.reload("two")
    await harness.wait_for_writes(3)
    assert (await harness.dispatcher.store.jobs(JobFilter(plugin="echo", command="init"))).total == 2


async def test_what_it_starts_is_an_ordinary_job_with_one_attempt_that_goes_first(harness: InitHarness) -> None:
    await harness.source.start()
    await harness.wait_for_inits(1)
    [row] = (await harness.dispatcher.store.jobs(JobFilter(plugin="echo", command="init"))).rows
    job = await harness.dispatcher.store.job(row.id)
    assert job is not None
    assert (job.submitted_by, job.principal, job.max_attempts, job.priority) == ("init", "init", 1, 100)


async def test_without_the_command_nothing_is_written(harness: InitHarness) -> None:
    harness.dispatcher.snapshot = snapshot_with_init(harness.dispatcher.snapshot, None)
    await harness.source.start()
    harness.reload("one")
    await harness.wait_for_inits(1)
    assert harness.dispatcher.store.written.count("begin_inits") == 1


async def test_where_the_store_cannot_commit_it_tries_again(harness: InitHarness) -> None:
    harness.dispatcher.store.failing.add("begin_inits")
    await harness.source.start()
    await harness.dispatcher.until(lambda: len(harness.dispatcher.store.refused) >= 2)
    harness.dispatcher.store.failing.clear()
    await harness.wait_for_inits(1)
