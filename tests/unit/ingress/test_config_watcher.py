"""The watcher beside a configuration that only counts what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace
from support.web import snapshot
from watchfiles import Change, awatch

from ductile.config.reload import FilesChanged, LiveConfig, ReloadRefused
from ductile.ingress import config_watcher
from ductile.ingress.config_watcher import ChangeWaiter, ConfigWatcher
from ductile.ingress.watched_files import FileStates, scan
from ductile.model.config_inputs import ConfigInputs


class FakeLive:
    def __init__(self, path: Path) -> None:
        base = snapshot(path)
        self.snapshot = replace(base, service=replace(base.service, watch=True, settle=20))
        self.inputs = ConfigInputs(files=(path,))
        self.notices: dict[str, str] = {}
        self.reloads: list[str] = []
        self.reading: Callable[[], object] = lambda: None
        self.torn = 0
        self.read: Callable[[], ConfigInputs] = lambda: self.inputs
        self.refuses = False
        self.asked = asyncio.Event()
        self.hears: asyncio.AbstractEventLoop
        self.waits = False
        self._listeners: list[Callable[[object], Awaitable[None]]] = []

    def on_finish(self, listener: Callable[[object], Awaitable[None]]) -> None:
        self._listeners.append(listener)

    async def reload(self, cause: str, *, still: Callable[[], Awaitable[bool]]) -> None:
        self.reading()
        if not await still():
            self.torn += 1
            self.asked.set()
            raise FilesChanged
        self.inputs = self.read()
        self.reloads.append(cause)
        self.waits = False
        await self.finish()
        if self.refuses:
            raise ReloadRefused(found="an error")

    async def finish(self) -> None:
        self.asked.set()
        for listener in self._listeners:
            await listener(None)

    async def switch(self, *, on: bool) -> None:
        self.snapshot = replace(self.snapshot, service=replace(self.snapshot.service, watch=on))
        await self.finish()

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.asked.clear()
                await self.asked.wait()

    async def wait_for_reloads(self, n: int) -> None:
        """Wait until it was asked so often and the watcher waits for the next change."""
        await self.until(lambda: len(self.reloads) >= n and self.waits)

    def mark_waiting(self) -> None:
        """The watcher waits."""
        self.waits = True
        self.asked.set()


def fake_live(path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLive:
    """A configuration that hears when its watcher waits."""
    monkeypatch.setattr(config_watcher, "DEBOUNCE_STEP_MS", 20)
    live = FakeLive(path)
    wait = ChangeWaiter.wait

    async def told(wakes: ChangeWaiter) -> None:
        live.mark_waiting()
        await wait(wakes)

    monkeypatch.setattr(ChangeWaiter, "wait", told)
    return live


@pytest.fixture
async def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeLive]:
    (tmp_path / "config.yaml").write_text("one")
    live = fake_live(tmp_path / "config.yaml", monkeypatch)
    source = ConfigWatcher(cast("LiveConfig", live))
    await source.start()
    yield live
    await source.stop()
    assert source.task is not None
    assert source.task.cancelled()


async def test_it_reads_once_at_its_start_and_then_at_each_change(live: FakeLive, tmp_path: Path) -> None:
    await live.wait_for_reloads(1)
    (tmp_path / "config.yaml").write_text("two")
    await live.wait_for_reloads(2)
    assert live.reloads == ["watch", "watch"]


async def test_a_refused_reload_is_not_tried_again_until_a_file_changes(live: FakeLive, tmp_path: Path) -> None:
    live.refuses = True
    await live.wait_for_reloads(1)
    await live.finish()
    (tmp_path / "config.yaml").write_text("two")
    await live.wait_for_reloads(2)
    (tmp_path / "config.yaml").write_text("three")
    await live.wait_for_reloads(3)
    assert len(live.reloads) == 3


async def test_what_a_reload_reads_for_the_first_time_is_read_once_more(live: FakeLive, tmp_path: Path) -> None:
    await live.wait_for_reloads(1)
    (tmp_path / "more").mkdir()
    more = tmp_path / "more/more.yaml"
    more.write_text("one")
    live.read = lambda: ConfigInputs(files=(tmp_path / "config.yaml", more))
    (tmp_path / "config.yaml").write_text("two")
    await live.wait_for_reloads(3)
    more.write_text("two")
    await live.wait_for_reloads(4)


async def test_it_follows_what_others_reload(live: FakeLive, tmp_path: Path) -> None:
    await live.wait_for_reloads(1)
    other = tmp_path / "other.yaml"
    live.inputs = ConfigInputs(files=(other,))
    await live.finish()
    await live.wait_for_reloads(2)
    other.write_text("x")
    await live.wait_for_reloads(3)


async def test_a_file_that_changes_while_it_is_read_is_read_again(live: FakeLive, tmp_path: Path) -> None:
    await live.wait_for_reloads(1)
    path = tmp_path / "config.yaml"
    texts = iter(["half of", "half of it"])
    live.reading = lambda: path.write_text(next(texts, "half of it"), encoding="utf-8")
    path.write_text("h")
    await live.until(lambda: live.torn >= 2)
    live.reading = lambda: None
    await live.wait_for_reloads(2)
    assert len(live.reloads) == 2


async def test_files_that_never_rest_are_not_read_and_that_is_told(
    live: FakeLive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_watcher, "UNSETTLED_NOTICE_AFTER_MS", 40)
    await live.wait_for_reloads(1)
    live.hears = asyncio.get_running_loop()
    path, steps = tmp_path / "config.yaml", count()
    write = path.write_text

    def change_and_scan(inputs: ConfigInputs) -> FileStates:
        write(f"step {next(steps)}")
        live.hears.call_soon_threadsafe(live.asked.set)
        return scan(inputs)

    monkeypatch.setattr(config_watcher, "scan", change_and_scan)
    write("begun")
    await live.until(lambda: "watch.settle" in live.notices)
    assert "config.yaml goes on changing" in live.notices["watch.settle"]
    assert len(live.reloads) == 1
    monkeypatch.setattr(config_watcher, "scan", scan)
    await live.wait_for_reloads(2)
    assert live.notices == {}


async def test_switched_off_it_reads_nothing_and_on_again_it_reads_at_once(live: FakeLive, tmp_path: Path) -> None:
    await live.wait_for_reloads(1)
    await live.switch(on=False)
    (tmp_path / "config.yaml").write_text("two")
    await asyncio.to_thread(lambda: None)
    assert len(live.reloads) == 1
    await live.switch(on=True)
    await live.wait_for_reloads(2)


async def test_notifications_are_open_before_it_looks_at_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []

    def open_changes(*folders: Path, **more: Any) -> Any:
        did.append("opened")
        return awatch(*folders, **more)

    def record_scan(inputs: ConfigInputs) -> FileStates:
        did.append("scan")
        return scan(inputs)

    monkeypatch.setattr(config_watcher, "awatch", open_changes)
    monkeypatch.setattr(config_watcher, "scan", record_scan)
    live = fake_live(tmp_path / "config.yaml", monkeypatch)
    live.read = lambda: did.append("read") or live.inputs  # type: ignore[func-returns-value]
    source = ConfigWatcher(cast("LiveConfig", live))
    await source.start()
    await live.wait_for_reloads(1)
    await source.stop()
    assert did[:5] == ["scan", "opened", "scan", "scan", "scan"], "twice until it is still, once when read"
    assert did[5] == "read"


async def test_it_is_woken_only_by_what_the_last_look_found_to_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def open_changes(*folders: Path, **more: Any) -> Any:
        given.update(more)
        return awatch(*folders, **more)

    def wakes(name: str) -> bool:
        found: bool = given["watch_filter"](Change.modified, str(tmp_path / name))
        return found

    monkeypatch.setattr(config_watcher, "awatch", open_changes)
    live = fake_live(tmp_path / "config.yaml", monkeypatch)
    source = ConfigWatcher(cast("LiveConfig", live))
    await source.start()
    await live.wait_for_reloads(1)
    assert [wakes(name) for name in ("config.yaml", "more.yaml", "state.db-wal")] == [True, False, False]
    live.read = lambda: ConfigInputs(files=(tmp_path / "config.yaml", tmp_path / "more.yaml"))
    (tmp_path / "config.yaml").write_text("x")
    await live.wait_for_reloads(2)
    assert [wakes(name) for name in ("config.yaml", "more.yaml", "state.db-wal")] == [True, True, False]
    await source.stop()


class Failing:
    """Notifications that the system refuses, or gives up."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def __call__(self, *_: Path, **__: object) -> AsyncIterator[set[Any]]:
        raise self.error
        yield set()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unknown")], ids=repr)
async def test_without_notifications_it_looks_by_itself_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(config_watcher, "POLL_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(config_watcher, "awatch", Failing(error))
    (tmp_path / "config.yaml").write_text("one")
    live = fake_live(tmp_path / "config.yaml", monkeypatch)
    source = ConfigWatcher(cast("LiveConfig", live))
    await source.start()
    await live.wait_for_reloads(1)
    assert "no notifications" in live.notices["watch"]
    assert str(error) in live.notices["watch"]
    (tmp_path / "config.yaml").write_text("longer")
    await live.wait_for_reloads(2)
    await source.stop()


async def test_a_folder_that_goes_before_it_is_watched_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_watcher, "POLL_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(config_watcher, "awatch", Failing(FileNotFoundError(2, "No such file or directory")))
    live = fake_live(tmp_path / "config.yaml", monkeypatch)
    source = ConfigWatcher(cast("LiveConfig", live))
    await source.start()
    await live.wait_for_reloads(1)
    (tmp_path / "config.yaml").write_text("one")
    await live.wait_for_reloads(2)
    assert live.notices == {}
    await source.stop()
