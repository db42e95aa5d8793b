"""`service.watch`: a change of anything that the configuration was read from reloads it.

A notification only wakes the watcher, which then compares the states of the files. So the rename of an editor, a
`git pull`, a swapped link and a folder that was made again have the same effect, and files that the gateway itself
writes beside its configuration have none. A missing file is a mistake like any other: the old configuration serves on.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, cast

import structlog

from ductile.background_service import cancel_and_wait
from ductile.config.reload import WATCH, FilesChanged, FinishedReload, LiveConfig
from ductile.errors import DuctileError
from ductile.ingress.watched_files import FileStates, FolderStates, scan
from ductile.model.snapshot import Snapshot

log = structlog.get_logger(__name__)

DEBOUNCE_STEP_MS = 100
"""Milliseconds without a change after which several changes count as one."""

UNSETTLED_NOTICE_KEY = "watch.settle"
"""The key of the notice that files go on changing."""

UNSETTLED_NOTICE_AFTER_MS = 10_000
"""Milliseconds of changes after which the notice is given."""

MAX_DEBOUNCE_MS = 1000
"""Milliseconds after which changes are reported although they go on."""

RESCAN_INTERVAL_MS = 30_000
"""Milliseconds between two scans without notifications: network file systems do not notify."""

POLL_INTERVAL_SECONDS = 2.0
"""Seconds between two scans where the system cannot notify."""


FileChange = tuple[int, str]
"""The number of a kind of change, and the changed path."""


def awatch(*folders: Path, **how: Any) -> AsyncGenerator[set[FileChange], None]:
    """Sets of changes below the folders, as `watchfiles.awatch` yields them."""
    from watchfiles import awatch as changes  # noqa: PLC0415 - most gateways watch nothing

    return cast("AsyncGenerator[set[FileChange], None]", changes(*folders, **how))


class ConfigWatcher:
    """Watches the configuration's files while `service.watch` is on."""

    def __init__(self, live: LiveConfig) -> None:
        self._live = live
        self._config_changed = asyncio.Event()
        """Set when a reload has ended."""
        self._states: FileStates | None = None
        self._unsettled_count = 0
        """How many times in a row files had changed again."""
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start to watch."""
        self._live.on_finish(self._notice_reload)
        self.task = asyncio.create_task(self._run(), name="watch")

    async def _notice_reload(self, _reload: FinishedReload) -> None:
        self._config_changed.set()

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Ignore a swap: the files are scanned when the reload has ended."""

    async def stop(self) -> None:
        """Stop watching."""
        await cancel_and_wait(self.task)

    async def _run(self) -> None:
        while True:
            self._config_changed.clear()
            if self._live.snapshot.service.watch:
                await self._watch()
            else:
                await self._config_changed.wait()

    async def _watch(self) -> None:
        """Watch until `service.watch` is off: open the notifications, then scan, so that no change is missed."""
        applied: Any = None
        folders = (await self._scan()).folders
        while self._live.snapshot.service.watch:
            async with self._open_notifications(folders) as waiter:
                log.debug("watching", folders=sorted(str(folder) for folder, _ in folders))
                self._report_failure(waiter.failure)
                while True:
                    states = await self._scan()
                    if states.folders != folders or not self._live.snapshot.service.watch:
                        folders = states.folders
                        break
                    if (states.inputs, states.states) == applied:
                        self._clear_unsettled()
                        log.debug("waiting for changes")
                        await waiter.wait()
                    elif await self._is_settled(states):
                        applied = (states.inputs, states.states)
                        if not await self._reload(states):
                            applied = None
        self._report_failure(None)

    async def _scan(self) -> FileStates:
        self._config_changed.clear()
        self._states = await asyncio.to_thread(scan, self._live.inputs)
        return self._states

    @contextlib.asynccontextmanager
    async def _open_notifications(self, folders: FolderStates) -> AsyncIterator["ChangeWaiter"]:
        """Open notifications of changes in these folders that may matter by the last scan."""
        changes = awatch(
            *(folder for folder, _ in folders),
            watch_filter=lambda change, path: self._states is None or self._states.concerns(change, path),
            debounce=MAX_DEBOUNCE_MS,
            step=DEBOUNCE_STEP_MS,
            rust_timeout=RESCAN_INTERVAL_MS,
            yield_on_timeout=True,
            recursive=False,
            ignore_permission_denied=True,
        )
        waiter = ChangeWaiter(changes, self._config_changed)
        try:
            await waiter.open()
            yield waiter
        finally:
            await waiter.close()

    async def _is_settled(self, states: FileStates) -> bool:
        """Whether nothing changes for `service.settle`; a file may be written in several steps."""
        await asyncio.sleep(self._live.snapshot.service.settle / 1000)
        current = await self._scan()
        if (current.inputs, current.states) == (states.inputs, states.states):
            self._clear_unsettled()
            return True
        self._unsettled_count += 1
        if self._unsettled_count * self._live.snapshot.service.settle >= UNSETTLED_NOTICE_AFTER_MS:
            self._report_unsettled(states, current)
        return False

    def _clear_unsettled(self) -> None:
        self._unsettled_count = 0
        self._live.notices.pop(UNSETTLED_NOTICE_KEY, None)

    def _report_unsettled(self, before: FileStates, after: FileStates) -> None:
        """Give the notice that nothing is reloaded, and name the files."""
        changed = sorted({str(path) for path, _ in set(before.states) ^ set(after.states)})
        sentence = (
            f"`service.watch` does not reload: {', '.join(changed[:3]) or 'what is read'} goes on changing. It waits "
            f"until nothing has changed for `service.settle`; `ductile system reload` reloads now"
        )
        if UNSETTLED_NOTICE_KEY not in self._live.notices:
            log.warning(sentence)
        self._live.notices[UNSETTLED_NOTICE_KEY] = sentence

    async def _reload(self, states: FileStates) -> bool:
        """Reload; False where files changed meanwhile, so that the reload had no effect."""

        async def is_unchanged() -> bool:
            return (await asyncio.to_thread(scan, states.inputs)).states == states.states

        try:
            await self._live.reload(WATCH, still=is_unchanged)
        except FilesChanged:
            return False
        except DuctileError:  # logged, and kept for `/healthz`, by the reload itself
            return True
        return True

    def _report_failure(self, failure: Exception | None) -> None:
        if failure is None:
            self._live.notices.pop(WATCH, None)
            return
        sentence = (
            f"`service.watch` gets no notifications of changes ({failure}), so it looks every "
            f"{POLL_INTERVAL_SECONDS:g} s; raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"
        )
        if self._live.notices.get(WATCH) != sentence:
            log.warning(sentence)
        self._live.notices[WATCH] = sentence


class ChangeWaiter:
    """Waits for a change that may matter, the end of a reload, or a time-out."""

    def __init__(self, changes: AsyncGenerator[set[FileChange], None], config_changed: asyncio.Event) -> None:
        self._changes = changes
        self._config_changed = config_changed
        self._change: asyncio.Task[set[FileChange]] | None = asyncio.create_task(anext(changes))
        self.failure: Exception | None = None
        """The reason that there are no notifications."""

    async def open(self) -> None:
        """Open the notifications: the first step of the generator opens them, before it waits."""
        await asyncio.sleep(0)
        self._notice_failure()

    async def wait(self) -> None:
        """Wait for a change, the end of a reload, or a time-out."""
        news = asyncio.create_task(self._config_changed.wait())
        waits = {news} if self._change is None else {news, self._change}
        timeout = POLL_INTERVAL_SECONDS if self._change is None else None
        try:
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        self._notice_failure()
        if self._change is not None and self._change.done():
            self._change = asyncio.create_task(anext(self._changes))

    async def close(self) -> None:
        """Close the notifications."""
        if self._change is not None:
            self._change.cancel()
            await asyncio.wait({self._change})
        await self._changes.aclose()

    def _notice_failure(self) -> None:
        if self._change is None or not self._change.done():
            return
        error = self._change.exception()
        if isinstance(error, OSError | RuntimeError):  # watchfiles raises RuntimeError for errors that it does not know
            self._change = None
            if not isinstance(error, FileNotFoundError):  # a folder is gone: the next scan finds out
                self.failure = error
        elif error is not None:
            raise error
