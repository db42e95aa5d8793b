"""Who starts `init` jobs: at its start, after a reload, and again where the store could not commit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import DispatcherHarness, open_dispatcher

from ductile.ingress import init
from ductile.ingress.init import Inits
from ductile.model.snapshot import Snapshot


class Beginner:
    """The source at work beside a desk whose dispatcher stands still."""

    def __init__(self, at: DispatcherHarness) -> None:
        self.at = at
        self.source = Inits(at.store, lambda: at.snapshot, at.clock)

    def reload(self, hash_: str | None) -> None:
        old, self.at.snapshot = self.at.snapshot, wanting(self.at.snapshot, hash_)
        self.source.apply(old, self.at.snapshot)

    async def started(self, n: int) -> None:
        async def there() -> bool:
            return (await self.at.store.jobs(plugin="echo", command="init")).total == n

        await self.at.until(there)

    async def asked(self, times: int) -> None:
        await self.at.until(lambda: self.at.store.written.count("begin_inits") >= times)


def wanting(snapshot: Snapshot, hash_: str | None) -> Snapshot:
    echo = replace(snapshot.plugins["echo"], init_hash=hash_)
    return replace(snapshot, plugins={**snapshot.plugins, "echo": echo})


@pytest.fixture
async def beginner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Beginner]:
    monkeypatch.setattr(init, "STORE_RETRY_SECONDS", 0.001)
    async with open_dispatcher(tmp_path) as at:
        at.snapshot = wanting(at.snapshot, "one")
        made = Beginner(at)
        yield made
        await made.source.stop()


async def test_it_starts_one_job_and_another_one_for_another_hash(beginner: Beginner) -> None:
    await beginner.source.start()
    await beginner.started(1)
    beginner.reload("one")
    await beginner.asked(2)
    beginner.reload("two")
    await beginner.asked(3)
    assert (await beginner.at.store.jobs(plugin="echo", command="init")).total == 2


async def test_what_it_starts_is_an_ordinary_job_with_one_attempt_that_goes_first(beginner: Beginner) -> None:
    await beginner.source.start()
    await beginner.started(1)
    [row] = (await beginner.at.store.jobs(plugin="echo", command="init")).rows
    job = await beginner.at.store.job(row.id)
    assert job is not None
    assert (job.submitted_by, job.principal, job.max_attempts, job.priority) == ("init", "init", 1, 100)


async def test_without_the_command_nothing_is_written(beginner: Beginner) -> None:
    beginner.at.snapshot = wanting(beginner.at.snapshot, None)
    await beginner.source.start()
    beginner.reload("one")
    await beginner.started(1)
    assert beginner.at.store.written.count("begin_inits") == 1


async def test_where_the_store_cannot_commit_it_tries_again(beginner: Beginner) -> None:
    beginner.at.store.failing.add("begin_inits")
    await beginner.source.start()
    await beginner.at.until(lambda: len(beginner.at.store.refused) >= 2)
    beginner.at.store.failing.clear()
    await beginner.started(1)
