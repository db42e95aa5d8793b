"""`service.watch`: a change of anything that the configuration was read from reloads it.

A notification only wakes the watcher: whether to reload is decided by how the files stand. So the rename of an editor,
a `git pull`, a swapped link and a folder that was made again are all the same to it, and what the gateway itself
writes beside its configuration is nothing. A file that has vanished is a mistake like any other: the old configuration
serves on.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, cast

import structlog

from ductile.config.reload import WATCH, FilesChanged, FinishedReload, LiveConfig
from ductile.errors import DuctileError
from ductile.ingress.sight import Folders, Sight, look
from ductile.model.snapshot import Snapshot

log = structlog.get_logger(__name__)

QUIET = 100
"""Milliseconds without a change after which several count as one."""

RESTLESS = "watch.settle"
"""The notice that files go on changing."""

TOLD_AFTER = 10_000
"""Milliseconds of changes after which that is said."""

LONGEST = 1000
"""Milliseconds after which a reload waits no longer for quiet."""

SWEEP = 30_000
"""Milliseconds after which the watcher looks by itself: a network file system tells nobody of its changes."""

POLL = 2.0
"""Seconds between two looks where the system gives no notifications."""


FileChange = tuple[int, str]
"""What has happened, by the watcher's number for it, and the path it happened to."""


def awatch(*folders: Path, **how: Any) -> AsyncGenerator[set[FileChange], None]:
    """Sets of changes below the folders, as `watchfiles.awatch` yields them."""
    from watchfiles import awatch as changes  # noqa: PLC0415 - most gateways watch nothing

    return cast("AsyncGenerator[set[FileChange], None]", changes(*folders, **how))


class Watch:
    """Watches while the configuration says so, and follows what it is made of."""

    def __init__(self, live: LiveConfig) -> None:
        self._live = live
        self._news = asyncio.Event()
        """The configuration was read anew, or it is to stop watching."""
        self._sight: Sight | None = None
        self._restless = 0
        """How many times in a row something had changed again."""
        self.task: asyncio.Task[None] | None = None
        """The watching itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Begin to watch."""
        self._live.on_finish(self._notice_reload)
        self.task = asyncio.create_task(self._run(), name="watch")

    async def _notice_reload(self, _reload: FinishedReload) -> None:
        self._news.set()

    def apply(self, _old: Snapshot, _new: Snapshot) -> None:
        """Follow a reload: what it read is looked at when it is over."""

    async def stop(self) -> None:
        """Watch no longer."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    async def _run(self) -> None:
        while True:
            self._news.clear()
            if self._live.snapshot.service.watch:
                await self._watch()
            else:
                await self._news.wait()

    async def _watch(self) -> None:
        """Until watching is switched off: open the notifications, then look; so that no change falls between."""
        seen: Any = None
        watched = (await self._look()).folders
        while self._live.snapshot.service.watch:
            async with self._opened(watched) as wakes:
                log.debug("watching", folders=sorted(str(folder) for folder, _ in watched))
                self._tell(wakes.failure)
                while True:
                    sight = await self._look()
                    if sight.folders != watched or not self._live.snapshot.service.watch:
                        watched = sight.folders
                        break
                    if (sight.inputs, sight.states) == seen:
                        self._calm()
                        log.debug("waiting for changes")
                        await wakes.next()
                    elif await self._is_still(sight):
                        seen = (sight.inputs, sight.states)
                        if not await self._reload(sight):
                            seen = None
        self._tell(None)

    async def _look(self) -> Sight:
        self._news.clear()
        self._sight = await asyncio.to_thread(look, self._live.inputs)
        return self._sight

    @contextlib.asynccontextmanager
    async def _opened(self, folders: Folders) -> AsyncIterator["Wakes"]:
        """Notifications of what changes in these folders and may matter by the last look."""
        changes = awatch(
            *(folder for folder, _ in folders),
            watch_filter=lambda change, path: self._sight is None or self._sight.concerns(change, path),
            debounce=LONGEST,
            step=QUIET,
            rust_timeout=SWEEP,
            yield_on_timeout=True,
            recursive=False,
            ignore_permission_denied=True,
        )
        wakes = Wakes(changes, self._news)
        try:
            await wakes.open()
            yield wakes
        finally:
            await wakes.close()

    async def _is_still(self, sight: Sight) -> bool:
        """Whether nothing changes for as long as `service.settle` says; a file may be written in several steps."""
        await asyncio.sleep(self._live.snapshot.service.settle / 1000)
        again = await self._look()
        if (again.inputs, again.states) == (sight.inputs, sight.states):
            self._calm()
            return True
        self._restless += 1
        if self._restless * self._live.snapshot.service.settle >= TOLD_AFTER:
            self._tell_restless(sight, again)
        return False

    def _calm(self) -> None:
        self._restless = 0
        self._live.notices.pop(RESTLESS, None)

    def _tell_restless(self, before: Sight, after: Sight) -> None:
        """Say that nothing is reloaded, and because of what."""
        changed = sorted({str(path) for path, _ in set(before.states) ^ set(after.states)})
        sentence = (
            f"`service.watch` does not reload: {', '.join(changed[:3]) or 'what is read'} goes on changing. It waits "
            f"until nothing has changed for `service.settle`; `ductile system reload` reloads now"
        )
        if RESTLESS not in self._live.notices:
            log.warning(sentence)
        self._live.notices[RESTLESS] = sentence

    async def _reload(self, sight: Sight) -> bool:
        """Read it; False where it changed meanwhile, so that nothing of it is in force."""

        async def still() -> bool:
            return (await asyncio.to_thread(look, sight.inputs)).states == sight.states

        try:
            await self._live.reload(WATCH, still=still)
        except FilesChanged:
            return False
        except DuctileError:  # logged, and kept for `/healthz`, by the reload itself
            return True
        return True

    def _tell(self, failure: Exception | None) -> None:
        if failure is None:
            self._live.notices.pop(WATCH, None)
            return
        sentence = (
            f"`service.watch` gets no notifications of changes ({failure}), so it looks every {POLL:g} s; "
            "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"
        )
        if self._live.notices.get(WATCH) != sentence:
            log.warning(sentence)
        self._live.notices[WATCH] = sentence


class Wakes:
    """When to look again: a change that may matter, news, or some time."""

    def __init__(self, changes: AsyncGenerator[set[FileChange], None], news: asyncio.Event) -> None:
        self._changes = changes
        self._news = news
        self._change: asyncio.Task[set[FileChange]] | None = asyncio.create_task(anext(changes))
        self.failure: Exception | None = None
        """Why there are no notifications."""

    async def open(self) -> None:
        """Have the system notify from now on: the first step of the generator asks it to, before it waits."""
        await asyncio.sleep(0)
        self._notice_failure()

    async def next(self) -> None:
        """Wait for it."""
        news = asyncio.create_task(self._news.wait())
        waits = {news} if self._change is None else {news, self._change}
        timeout = POLL if self._change is None else None
        try:
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        self._notice_failure()
        if self._change is not None and self._change.done():
            self._change = asyncio.create_task(anext(self._changes))

    async def close(self) -> None:
        """Have the system notify no longer."""
        if self._change is not None:
            self._change.cancel()
            await asyncio.wait({self._change})
        await self._changes.aclose()

    def _notice_failure(self) -> None:
        if self._change is None or not self._change.done():
            return
        error = self._change.exception()
        if isinstance(error, OSError | RuntimeError):  # the latter is what watchfiles makes of errors it does not know
            self._change = None
            if not isinstance(error, FileNotFoundError):  # a folder has gone meanwhile: the next look tells
                self.failure = error
        elif error is not None:
            raise error
