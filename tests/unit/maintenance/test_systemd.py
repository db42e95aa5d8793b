"""Reports to the service manager, and when they stop."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.dispatch import FaultyStore
from support.web import snapshot

from ductile.config.reload import FinishedReload, LiveConfig, ReloadRefused
from ductile.maintenance.systemd import SystemdReporter, status_line
from ductile.observe.sd_notify import Notifier


class RecordingNotifier(Notifier):
    """Records the messages that it would send."""

    def __init__(self, watchdog: float | None = None) -> None:
        super().__init__({}, 0)
        self.watchdog_seconds = watchdog
        self.sent: list[dict[str, str | int]] = []
        self.heard = asyncio.Event()

    def send(self, **fields: str | int) -> None:
        self.sent.append(fields)
        self.heard.set()

    async def wait_for_signs(self, times: int) -> None:
        """Wait for so many signs of life more."""
        for _ in range(times):
            self.heard.clear()
            await self.heard.wait()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    store = await FaultyStore.open(tmp_path / "state.db", clock=lambda: 1)
    yield store
    await store.close()


def live_config(folder: Path) -> LiveConfig:
    return LiveConfig(snapshot(), folder, {}, lambda: 1)


async def test_it_says_ready_reloading_ready_and_stopping(store: FaultyStore, tmp_path: Path) -> None:
    notifier, serving = RecordingNotifier(), live_config(tmp_path)
    manager = SystemdReporter(notifier, store, serving)
    await manager.start()
    with pytest.raises(ReloadRefused):  # there is no configuration here
        await serving.reload("signal")
    await manager.stop()
    ready, reloading, again, stopping = notifier.sent
    assert ready == {"READY": 1, "STATUS": "Serving generation 1: 2 plugins, 1 quarantined"}
    assert (reloading["RELOADING"], list(reloading)) == (1, ["RELOADING", "MONOTONIC_USEC", "STATUS"])
    assert isinstance(reloading["MONOTONIC_USEC"], int)
    assert (again["READY"], str(again["STATUS"]).partition(". ")[0]) == (1, "The last reload was refused")
    assert stopping["STOPPING"] == 1
    assert manager.task is None


async def test_a_reload_that_fails_inside_the_gateway_ends_for_the_service_manager_too(
    store: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ductile.config.reload.compile_config", fail)
    notifier, serving = RecordingNotifier(), live_config(tmp_path)
    await SystemdReporter(notifier, store, serving).start()
    with pytest.raises(RuntimeError):
        await serving.reload("api")
    assert [next(iter(words)) for words in notifier.sent] == ["READY", "RELOADING", "READY"]


async def test_a_reload_that_was_accepted_says_what_serves(store: FaultyStore, tmp_path: Path) -> None:
    notifier, old = RecordingNotifier(), snapshot()
    manager = SystemdReporter(notifier, store, live_config(tmp_path))
    new = replace(old, generation=2, unusable={})
    await manager._report_reload(FinishedReload(cause="api", old=old, new=new))  # noqa: SLF001 - as a reload would tell it
    assert notifier.sent == [{"READY": 1, "STATUS": "Serving generation 2: 2 plugins"}]
    assert status_line(new) == "Serving generation 2: 2 plugins"


async def test_signs_of_life_are_given_while_the_store_works(store: FaultyStore, tmp_path: Path) -> None:
    notifier = RecordingNotifier(watchdog=0.002)
    manager = SystemdReporter(notifier, store, live_config(tmp_path))
    await manager.start()
    await notifier.wait_for_signs(3)
    await manager.stop()
    assert [words for words in notifier.sent if "WATCHDOG" in words][:2] == [{"WATCHDOG": 1}] * 2


async def test_a_store_that_does_not_answer_ends_the_signs_of_life(store: FaultyStore, tmp_path: Path) -> None:
    notifier = RecordingNotifier(watchdog=0.002)
    manager = SystemdReporter(notifier, store, live_config(tmp_path))
    store.held_back["_do_nothing"] = asyncio.Event()
    await manager.start()
    while "_do_nothing" not in store.written:  # it is written, and the answer stays away
        store.changed.clear()
        await store.changed.wait()
    assert not [words for words in notifier.sent if "WATCHDOG" in words]
    store.held_back["_do_nothing"].set()
    await notifier.wait_for_signs(1)
    assert notifier.sent[-1] == {"WATCHDOG": 1}
    await manager.stop()


async def test_a_store_that_cannot_write_ends_them_until_it_can(store: FaultyStore, tmp_path: Path) -> None:
    notifier = RecordingNotifier(watchdog=0.002)
    manager = SystemdReporter(notifier, store, live_config(tmp_path))
    store.failing = {"_do_nothing"}
    with capture_logs() as logs:
        await manager.start()
        while store.refused.count("_do_nothing") < 3:
            store.changed.clear()
            await store.changed.wait()
    assert not [words for words in notifier.sent if "WATCHDOG" in words]
    assert {line["event"] for line in logs} == {"no sign of life"}
    store.failing = set()
    await notifier.wait_for_signs(1)
    await manager.stop()
