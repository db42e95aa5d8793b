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
from ductile.model.job import State
from ductile.model.snapshot import Schedule, Snapshot
from ductile.store.claim import claim
from ductile.store.settle import settle
from ductile.store.sqlite.transaction import Tx

HOUR = 3_600_000


class Plan:
    """The source at work beside a desk whose dispatcher stands still."""

    def __init__(self, at: DispatcherHarness) -> None:
        assert isinstance(at.clock, Clock)
        self.at, self.clock = at, at.clock
        self.source = Schedules(at.store, lambda: at.snapshot, at.clock)

    def reload(self, new: Snapshot) -> None:
        old, self.at.snapshot = self.at.snapshot, new
        self.source.apply(old, new)

    async def rows(self) -> dict[str, int]:
        """Schedule → when it is due."""

        def look(tx: Tx) -> dict[str, int]:
            return {row[0]: row[2] for row in tx.rows("schedules")}

        return await self.at.store.write(look)  # type: ignore[no-any-return]

    async def due(self, **at: int) -> None:
        """Wait until the schedules of echo are due then."""

        async def there() -> bool:
            return await self.rows() == {f"echo/{name}": due for name, due in at.items()}

        await self.at.until(there)

    async def fired(self, n: int) -> None:
        async def there() -> bool:
            return (await self.at.store.jobs(plugin="echo")).total == n

        await self.at.until(there)

    async def seen(self, times: int) -> None:
        await self.at.until(lambda: self.at.store.written.count("sync_schedules") >= times)


def every(interval: int, name: str = "a") -> Schedule:
    return Schedule(id=f"echo/{name}", plugin="echo", command="poll", payload={}, every=interval, jitter=0)


@pytest.fixture
async def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plan]:
    monkeypatch.setattr(schedule, "STORE_RETRY_SECONDS", 0.001)
    async with open_dispatcher(tmp_path) as at:
        at.configure_service(tick_interval=5)
        at.snapshot = replace(at.snapshot, schedules=(every(HOUR),))
        made = Plan(at)
        yield made
        await made.source.stop()


async def test_it_first_fires_one_interval_after_it_was_seen(plan: Plan) -> None:
    first = plan.clock.now + HOUR
    await plan.source.start()
    await plan.due(a=first)
    plan.clock.now = first
    await plan.fired(1)
    await plan.due(a=first + HOUR)


async def test_the_due_time_of_a_plugin_that_is_quarantined_for_one_reload_stays(plan: Plan) -> None:
    first = plan.clock.now + HOUR
    there = plan.at.snapshot
    await plan.source.start()
    await plan.seen(1)
    plan.clock.now += HOUR // 2
    plan.reload(plan.at.snapshot_without("echo"))
    await plan.seen(2)
    plan.reload(there)
    await plan.seen(3)
    assert await plan.rows() == {"echo/a": first}


async def test_what_came_due_while_its_plugin_was_quarantined_fires_once_when_it_is_back(plan: Plan) -> None:
    first = plan.clock.now + HOUR
    there = plan.at.snapshot
    plan.at.snapshot = plan.at.snapshot_without("echo")
    await plan.source.start()
    await plan.due(a=first)
    plan.clock.now += 5 * HOUR + 1
    plan.reload(plan.at.snapshot_without("alias"))
    await plan.seen(2)
    assert (await plan.at.store.jobs(plugin="echo")).total == 0
    plan.reload(there)
    await plan.due(a=first + 5 * HOUR)
    await plan.fired(1)


async def test_one_that_is_taken_away_is_forgotten_and_begins_anew(plan: Plan) -> None:
    there = plan.at.snapshot
    await plan.source.start()
    await plan.seen(1)
    plan.reload(replace(there, schedules=()))
    await plan.seen(2)
    assert await plan.rows() == {}
    plan.clock.now += HOUR // 2
    plan.reload(there)
    await plan.due(a=plan.clock.now + HOUR)


async def test_a_due_time_waits_for_a_store_that_cannot_commit_and_makes_one_job(plan: Plan) -> None:
    await plan.source.start()
    await plan.seen(1)
    plan.at.store.failing = {"fire"}
    plan.clock.now += HOUR
    await plan.at.until(lambda: plan.at.store.refused.count("fire") > 2)
    plan.at.store.failing = set()
    await plan.fired(1)


async def test_while_there_is_no_room_it_says_so_once_writes_nothing_and_fires_when_there_is(plan: Plan) -> None:
    store = plan.at.store
    await plan.source.start()
    await plan.seen(1)
    with capture_logs() as logs:

        async def told() -> bool:
            await plan.rows()
            return bool(logs)

        store.capacity_error = "the disk is small"
        plan.clock.now += HOUR
        await plan.at.until(told)
        before = store.written.count("sync_schedules")
        for _ in range(30):
            await plan.rows()
        assert store.written.count("sync_schedules") == before
        assert (await store.jobs(plugin="echo")).total == 0
        plan.source.apply(plan.at.snapshot, plan.at.snapshot)
        await plan.at.until(lambda: store.written.count("sync_schedules") > before)
        for _ in range(30):
            await plan.rows()
        assert [log["log_level"] for log in logs] == ["error"]
        store.capacity_error = None
        await plan.fired(1)
    assert [log["log_level"] for log in logs if "wait" in str(log)] == ["error", "info"]
    assert "the disk is small" in logs[0]["reason"]


async def test_a_clock_that_was_set_back_does_not_keep_it_waiting_for_longer_than_one_interval(plan: Plan) -> None:
    await plan.source.start()
    await plan.seen(1)
    plan.clock.now -= 10 * HOUR
    plan.reload(replace(plan.at.snapshot, generation=2))
    await plan.due(a=plan.clock.now + HOUR)


async def test_a_held_job_is_outstanding_and_its_schedule_waits(plan: Plan) -> None:
    first = plan.clock.now + HOUR
    await plan.source.start()
    await plan.seen(1)
    plan.clock.now = first
    await plan.fired(1)
    await plan.at.store.write(claim, {"echo": 1}, 1, lambda _job: "plugin_unavailable")
    assert (await plan.at.store.depth())[State.HELD] == 1
    plan.clock.now += HOUR
    await plan.due(a=first + 2 * HOUR)
    assert (await plan.at.store.jobs(plugin="echo")).total == 1


async def test_once_its_job_has_ended_it_fires_again(plan: Plan) -> None:
    await plan.source.start()
    await plan.seen(1)
    for n in (1, 2):
        plan.clock.now += HOUR
        await plan.fired(n)
        [claimed] = (await plan.at.store.write(claim, {"echo": 1}, 1, lambda _job: None)).claimed
        await plan.at.store.write(settle, settlement(claimed.job))
