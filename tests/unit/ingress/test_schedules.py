"""Schedules over a real store: what a reload, a fault and the clock do to due times."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.dispatch import Clock, DispatcherHarness, open_dispatcher
from support.store import settlement

from ductile.ingress import schedule
from ductile.ingress.schedule import Schedules
from ductile.model.claims import Hold
from ductile.model.filters import JobFilter
from ductile.model.job import State
from ductile.model.snapshot import Schedule, Snapshot
from ductile.store.transaction import Tx

HOUR = 3_600_000


class ScheduleHarness:
    """The service beside a dispatcher that is not started."""

    def __init__(self, dispatcher: DispatcherHarness) -> None:
        assert isinstance(dispatcher.clock, Clock)
        self.dispatcher, self.clock = dispatcher, dispatcher.clock
        self.source = Schedules(dispatcher.store, lambda: dispatcher.snapshot, dispatcher.clock)

    def reload(self, new: Snapshot) -> None:
        old, self.dispatcher.snapshot = self.dispatcher.snapshot, new
        self.source.apply(old, new)

    async def rows(self) -> dict[str, int]:
        """Schedule → when it is due."""

        def look(tx: Tx) -> dict[str, int]:
            return {row[0]: row[2] for row in tx.rows("schedules")}

        return await self.dispatcher.store.write(look)  # type: ignore[no-any-return]

    async def wait_for_due(self, **at: int) -> None:
        """Wait until the schedules of echo are due at these times."""

        async def there() -> bool:
            return await self.rows() == {f"echo/{name}": due for name, due in at.items()}

        await self.dispatcher.until(there)

    async def wait_for_jobs(self, n: int) -> None:
        async def there() -> bool:
            return (await self.dispatcher.store.jobs(JobFilter(plugin="echo"))).total == n

        await self.dispatcher.until(there)

    async def wait_for_syncs(self, times: int) -> None:
        await self.dispatcher.until(lambda: self.dispatcher.store.written.count("sync_schedules") >= times)


def sample_schedule(interval: int, name: str = "a") -> Schedule:
    return Schedule(id=f"echo/{name}", plugin="echo", command="poll", payload={}, every=interval, jitter=0)


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScheduleHarness]:
    monkeypatch.setattr(schedule, "STORE_RETRY_SECONDS", 0.001)
    async with open_dispatcher(tmp_path) as dispatcher:
        dispatcher.configure_service(tick_interval=5)
        dispatcher.snapshot = replace(dispatcher.snapshot, schedules=(sample_schedule(HOUR),))
        harness = ScheduleHarness(dispatcher)
        yield harness
        await harness.source.stop()


async def test_it_first_fires_one_interval_after_it_was_seen(harness: ScheduleHarness) -> None:
    first = harness.clock.now + HOUR
    await harness.source.start()
    await harness.wait_for_due(a=first)
    harness.clock.now = first
    await harness.wait_for_jobs(1)
    await harness.wait_for_due(a=first + HOUR)


async def test_the_due_time_of_a_plugin_that_is_quarantined_for_one_reload_stays(harness: ScheduleHarness) -> None:
    first = harness.clock.now + HOUR
    there = harness.dispatcher.snapshot
    await harness.source.start()
    await harness.wait_for_syncs(1)
    harness.clock.now += HOUR // 2
    harness.reload(harness.dispatcher.snapshot_without("echo"))
    await harness.wait_for_syncs(2)
    harness.reload(there)
    await harness.wait_for_syncs(3)
    assert await harness.rows() == {"echo/a": first}


async def test_what_came_due_while_its_plugin_was_quarantined_fires_once_when_it_is_back(
    harness: ScheduleHarness,
) -> None:
    first = harness.clock.now + HOUR
    there = harness.dispatcher.snapshot
    harness.dispatcher.snapshot = harness.dispatcher.snapshot_without("echo")
    await harness.source.start()
    await harness.wait_for_due(a=first)
    harness.clock.now += 5 * HOUR + 1
    harness.reload(harness.dispatcher.snapshot_without("alias"))
    await harness.wait_for_syncs(2)
    assert (await harness.dispatcher.store.jobs(JobFilter(plugin="echo"))).total == 0
    harness.reload(there)
    await harness.wait_for_due(a=first + 5 * HOUR)
    await harness.wait_for_jobs(1)


async def test_one_that_is_taken_away_is_forgotten_and_begins_anew(harness: ScheduleHarness) -> None:
    there = harness.dispatcher.snapshot
    await harness.source.start()
    await harness.wait_for_syncs(1)
    harness.reload(replace(there, schedules=()))
    await harness.wait_for_syncs(2)
    assert await harness.rows() == {}
    harness.clock.now += HOUR // 2
    harness.reload(there)
    await harness.wait_for_due(a=harness.clock.now + HOUR)


async def test_a_due_time_waits_for_a_store_that_cannot_commit_and_makes_one_job(harness: ScheduleHarness) -> None:
    await harness.source.start()
    await harness.wait_for_syncs(1)
    harness.dispatcher.store.failing = {"fire"}
    harness.clock.now += HOUR
    await harness.dispatcher.until(lambda: harness.dispatcher.store.refused.count("fire") > 2)
    harness.dispatcher.store.failing = set()
    await harness.wait_for_jobs(1)


async def test_while_there_is_no_room_it_says_so_once_writes_nothing_and_fires_when_there_is(
    harness: ScheduleHarness,
) -> None:
    store = harness.dispatcher.store
    await harness.source.start()
    await harness.wait_for_syncs(1)
    with capture_logs() as logs:

        async def told() -> bool:
            await harness.rows()
            return bool(logs)

        store.capacity_error = "the disk is small"
        harness.clock.now += HOUR
        await harness.dispatcher.until(told)
        before = store.written.count("sync_schedules")
        for _ in range(30):
            await harness.rows()
        assert store.written.count("sync_schedules") == before
        assert (await store.jobs(JobFilter(plugin="echo"))).total == 0
        harness.source.apply(harness.dispatcher.snapshot, harness.dispatcher.snapshot)
        await harness.dispatcher.until(lambda: store.written.count("sync_schedules") > before)
        for _ in range(30):
            await harness.rows()
        assert [log["log_level"] for log in logs] == ["error"]
        store.capacity_error = None
        await harness.wait_for_jobs(1)
    assert [log["log_level"] for log in logs if "wait" in str(log)] == ["error", "info"]
    assert "the disk is small" in logs[0]["reason"]


async def test_a_clock_that_was_set_back_does_not_keep_it_waiting_for_longer_than_one_interval(
    harness: ScheduleHarness,
) -> None:
    await harness.source.start()
    await harness.wait_for_syncs(1)
    harness.clock.now -= 10 * HOUR
    harness.reload(replace(harness.dispatcher.snapshot, generation=2))
    await harness.wait_for_due(a=harness.clock.now + HOUR)


async def test_a_held_job_is_outstanding_and_its_schedule_waits(harness: ScheduleHarness) -> None:
    first = harness.clock.now + HOUR
    await harness.source.start()
    await harness.wait_for_syncs(1)
    harness.clock.now = first
    await harness.wait_for_jobs(1)
    await harness.dispatcher.store.claim({"echo": 1}, 1, lambda _job: Hold("plugin_unavailable"))
    assert (await harness.dispatcher.store.depth())[State.HELD] == 1
    harness.clock.now += HOUR
    await harness.wait_for_due(a=first + 2 * HOUR)
    assert (await harness.dispatcher.store.jobs(JobFilter(plugin="echo"))).total == 1


async def test_once_its_job_has_ended_it_fires_again(harness: ScheduleHarness) -> None:
    await harness.source.start()
    await harness.wait_for_syncs(1)
    for n in (1, 2):
        harness.clock.now += HOUR
        await harness.wait_for_jobs(n)
        [claimed] = (await harness.dispatcher.store.claim({"echo": 1}, 1, lambda _job: None)).claimed
        await harness.dispatcher.store.settle(settlement(claimed.job))
