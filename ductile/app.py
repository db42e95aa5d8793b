"""Wires the parts, starts and drains them."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from ductile import __version__, parts
from ductile.config.compile import compile_config
from ductile.config.reload import Live
from ductile.dispatch.attempt import Attempts
from ductile.dispatch.hooks import hooked
from ductile.dispatch.loop import Dispatcher
from ductile.dispatch.rescue import rescue
from ductile.dispatch.retention import Retention
from ductile.errors import DuctileError
from ductile.http.ask import Gateway
from ductile.http.server import HttpServer
from ductile.ingress.schedule import Schedules
from ductile.model.clock import system_clock
from ductile.model.ids import new_id
from ductile.model.route import Matcher
from ductile.model.snapshot import Snapshot
from ductile.observe import log as logging
from ductile.observe.waiters import Waiters
from ductile.plugin.sweep import kill_instance
from ductile.store.lock import StateLock
from ductile.store.sqlite import Store

log = structlog.get_logger(__name__)

EX_CONFIG = 78
"""The exit code for a configuration that cannot be loaded (BSD sysexits)."""

LAST_REQUESTS = 5.0
"""Seconds that open requests get once everything else has stopped."""


def run(location: Path) -> int:
    """Run the gateway of this configuration until it is stopped; returns the exit code (0, 1 or 78)."""
    environ = dict(os.environ)
    matcher = Matcher([row for surface in parts.SURFACES for row in surface])
    compiled = compile_config(location, environ, generation=1, matcher=matcher)
    for problem in compiled.problems:
        sys.stderr.write(f"{problem}\n")
    if compiled.snapshot is None:
        return EX_CONFIG
    _relog(compiled.snapshot)
    try:
        with StateLock(compiled.snapshot.state_path) as lock:
            asyncio.run(App(compiled.snapshot, location, environ, lock.instance).main())
    except DuctileError as error:
        log.error(error.message, code=error.code)
        return 1
    return 0


class App:
    """The running gateway: what stands in each part, and the order in which they start and stop."""

    def __init__(self, snapshot: Snapshot, location: Path, environ: Mapping[str, str], instance: str) -> None:
        self._first = snapshot
        self._location = location
        self._environ = environ
        self._instance = instance
        self._clock = system_clock
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()

    async def main(self) -> None:
        """Start everything, serve until asked to stop, then drain."""
        # Plugins start in the configuration folder, and a spawn takes over the gateway's own.
        os.chdir(self._first.root)
        live = Live(self._first, self._location, self._environ, self._clock)
        store = await Store.open(
            self._first.state_path, clock=self._clock, hooks=lambda ended: hooked(live.snapshot, ended, new_id)
        )
        try:
            self._handle_signals(live)
            await rescue(store, self._first, self._instance, self._clock())
            await self._serve(live, store)
        finally:
            kill_instance(self._instance)
            await store.close()

    async def _serve(self, live: Live, store: Store) -> None:
        runners = {name: make() for name, make in parts.RUNNERS.items()}
        attempts = Attempts(store, runners, self._clock, instance=self._instance, environ=self._environ)
        dispatcher = Dispatcher(store, lambda: live.snapshot, parts.GATES, attempts, self._clock)
        schedules = Schedules(store, lambda: live.snapshot, self._clock)
        retention = Retention(store, lambda: live.snapshot, self._clock)
        waiters = Waiters()
        store.listen(waiters.heard)
        control = Control(dispatcher, self.request_stop)
        server = HttpServer(
            Gateway(
                store=store,
                live=live,
                control=control,
                waiters=waiters,
                clock=self._clock,
                started_at=self._clock(),
                version=__version__,
                binary_path=sys.argv[0],
            ),
            parts.MIDDLEWARE,
        )
        for apply in (dispatcher.apply, schedules.apply, lambda _, new: _relog(new)):
            live.follow(apply)
        if self._first.api.enabled:
            await server.start(self._first.api.listen)
        await dispatcher.start()
        await schedules.start()
        await retention.start()
        for url in server.urls:
            log.info("listening", address=url, version=__version__, generation=self._first.generation)
        for warning in self._first.warnings:
            log.warning(warning)
        await self._until_stopped(dispatcher.task, schedules.task, retention.task)
        log.info("stopping", running=dispatcher.running)
        await schedules.stop()
        await retention.stop()
        await dispatcher.drain(live.snapshot.service.drain_timeout / 1000, self._hurry)
        waiters.release()
        await server.close(LAST_REQUESTS)
        log.info("stopped")

    async def _until_stopped(self, *parts_at_work: asyncio.Task[None] | None) -> None:
        """Wait for the stop; a part that ends before it has failed, and a gateway that is deaf must not go on."""
        asked = asyncio.ensure_future(self._stopping.wait())
        tasks = {task for task in parts_at_work if task is not None}
        await asyncio.wait({asked, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        for task in tasks:
            if task.done():
                log.critical("part failed, stopping", part=task.get_name(), exc_info=task.exception())

    def request_stop(self) -> None:
        """Begin the graceful stop; asked a second time, skip the wait for running attempts."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _handle_signals(self, live: Live) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload, live)

    def _reload(self, live: Live) -> None:
        task = asyncio.get_running_loop().create_task(_reload_on_signal(live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Control:
    """What an operator may do to the running gateway, over HTTP as by signals."""

    def __init__(self, dispatcher: Dispatcher, request_stop: Callable[[], None]) -> None:
        self._dispatcher = dispatcher
        self.pause = dispatcher.pause
        self.resume = dispatcher.resume
        self.request_stop = request_stop

    @property
    def paused(self) -> bool:
        """Whether nothing is claimed."""
        return self._dispatcher.paused

    @property
    def draining(self) -> bool:
        """Whether the gateway is about to stop."""
        return self._dispatcher.draining


async def _reload_on_signal(live: Live) -> None:
    try:
        await live.reload("SIGHUP")
    except DuctileError:
        return  # logged, and kept in `last_error`, by the reload itself


def _relog(snapshot: Snapshot) -> None:
    logging.configure(snapshot.service.log_level, snapshot.service.log_format, snapshot.service.name)
