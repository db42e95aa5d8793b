"""Wires the parts, starts and drains them."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from ductile import __version__, parts
from ductile.config.compile import compile_config
from ductile.config.gc_tuning import freeze_startup_objects
from ductile.config.installation import Installation
from ductile.config.reload import LiveConfig
from ductile.dispatch.attempt import AttemptRunner
from ductile.dispatch.control import (
    Control,
    ServiceFailed,
    handle_signals,
    wait_for_stop_or_failure,
)
from ductile.dispatch.dispatcher import Dispatcher
from ductile.dispatch.lifecycle_hooks import hook_starts_or_note
from ductile.dispatch.rescue import rescue
from ductile.errors import DuctileError
from ductile.http.gateway import Gateway
from ductile.http.server import HttpServer
from ductile.maintenance.helper_replacements import HelperReplacements
from ductile.maintenance.resume_watchdog import ResumeWatchdog
from ductile.maintenance.stop_limit import StopLimit
from ductile.model.clock import system_clock
from ductile.model.ids import new_id
from ductile.model.large_values import LargeValueThreads
from ductile.model.snapshot import Snapshot
from ductile.observe import log as logging
from ductile.observe.event_feed import EventFeed
from ductile.observe.metrics import Metrics
from ductile.observe.running_logs import RunningLogs
from ductile.observe.waiters import Waiters
from ductile.plugin.control_group import enter_group
from ductile.plugin.runner.child_processes import ChildProcesses
from ductile.plugin.sweep import kill_instance
from ductile.store.contract import Store
from ductile.store.installation.retired_secrets import RetiredSecrets
from ductile.store.installation.running_gateway import RunningGateway, forget_running, record_running
from ductile.store.installation.vault_file import open_vault
from ductile.store.sqlite.lock import StateLock
from ductile.store.sqlite.store import SqliteStore

log = structlog.get_logger(__name__)

EX_CONFIG = 78
"""The exit code for a configuration that cannot be loaded (BSD sysexits)."""

LAST_REQUESTS = 5.0
"""Seconds that open requests get once everything else has stopped."""


def run(location: Path) -> int:
    """Run the gateway of this configuration until it is stopped; returns the exit code (0, 1 or 78)."""
    environ = dict(os.environ)
    compiled = compile_config(location, environ, generation=1, surfaces=parts.SURFACES, sections=parts.SECTIONS)
    if compiled.snapshot is None:
        sys.stderr.writelines(f"{problem}\n" for problem in compiled.problems)
        return EX_CONFIG
    announce(compiled.snapshot)
    state = compiled.snapshot.state_path
    try:
        with StateLock(state) as lock:
            vault = open_vault(state)
            installation = Installation(vault, RetiredSecrets(state, vault, system_clock))
            snapshot = installation.bind(compiled.snapshot)
            installation.record(snapshot)
            configure_log(snapshot)
            app = App(snapshot, location, environ, lock=lock, installation=installation)
            try:
                asyncio.run(app.main())
            finally:
                app.stop_limit.cancel()
    except DuctileError as error:
        log.error(error.message, code=error.code)
        return 1
    return 0


class App:
    """The running gateway: what stands in each part, and the order in which they start and stop."""

    def __init__(
        self,
        snapshot: Snapshot,
        location: Path,
        environ: Mapping[str, str],
        *,
        lock: StateLock,
        installation: Installation,
    ) -> None:
        self._first = snapshot
        self._location = location
        self._environ = environ
        self._lock = lock
        self._installation = installation
        self._instance = lock.instance
        self._metrics = Metrics(__version__)
        self._large_values = LargeValueThreads()
        self.stop_limit = StopLimit(lock.instance)

    async def main(self) -> None:
        """Start everything, serve until asked to stop, then drain."""
        # Plugins start in the configuration folder, and a spawn takes over the gateway's own.
        os.chdir(self._first.root)
        live = LiveConfig(
            self._first,
            self._location,
            self._environ,
            system_clock,
            self._installation,
            surfaces=parts.SURFACES,
            sections=parts.SECTIONS,
        )
        replacements = HelperReplacements(live.notices, self._metrics.count_helper_replacement, system_clock)
        children = ChildProcesses(replaced=replacements.add)
        store = await SqliteStore.open(
            self._first.state_path,
            clock=system_clock,
            hooks=lambda ended: hook_starts_or_note(live.snapshot, ended, new_id),
        )
        try:
            children.adopt(self._instance)
            runners = {name: make(children) for name, make in parts.RUNNERS.items()}
            attempts = AttemptRunner(
                store,
                runners,
                system_clock,
                instance=self._instance,
                environ=self._environ,
                on_settled=self._metrics.count_attempt,
                large_values=self._large_values,
            )
            dispatcher = Dispatcher(store, lambda: live.snapshot, parts.GATES, attempts, system_clock)
            control = Control(dispatcher)
            handle_signals(control, live.reload)
            await rescue(store, self._first, self._instance, system_clock())
            self._enter_group()
            watchdog = ResumeWatchdog(children)
            watchdog.start()
            try:
                await self._serve(live, store, dispatcher, control, attempts.running_logs)
            finally:
                watchdog.stop()
        finally:
            children.close()
            kill_instance(self._instance)
            await store.close()
            with contextlib.suppress(OSError):  # it names a process that is gone, which readers find out
                forget_running(self._first.state_path)

    async def _serve(
        self, live: LiveConfig, store: Store, dispatcher: Dispatcher, control: Control, running_logs: RunningLogs
    ) -> None:
        waiters = Waiters()
        store.on_commit(waiters.wake)
        store.include_view_for(waiters.wants_view)
        gateway = self._gateway(live, store, control, waiters, running_logs)
        sources = [make(gateway) for make in (*parts.SOURCES, *parts.MAINTENANCE)]
        server = HttpServer(gateway, parts.MIDDLEWARE)
        for apply in (
            dispatcher.apply,
            server.apply,
            *(source.apply for source in sources),
            lambda _, new: announce(new),
        ):
            live.on_swap(apply)
        if self._first.api.enabled:
            await server.start(self._first.api.listen)
            self._record(server.urls)
        await dispatcher.start()
        for source in sources:
            await source.start()
        for url in server.urls:
            log.info("listening", address=url, version=__version__, generation=self._first.generation)
        freeze_startup_objects()
        failed = await wait_for_stop_or_failure(control, dispatcher.task, *(source.task for source in sources))
        log.info("stopping", running=dispatcher.running)
        service = live.snapshot.service
        self.stop_limit.begin((service.drain_timeout + service.kill_grace) / 1000)
        for source in sources:
            await source.stop()
        await dispatcher.drain(service.drain_timeout / 1000, control.force_stop)
        waiters.release_all()
        await server.close(LAST_REQUESTS)
        log.info("stopped")
        if failed is not None:
            raise ServiceFailed(part=failed)

    def _enter_group(self) -> None:
        """From now on whatever the gateway starts is in its control group. Nothing was started before."""
        reason = enter_group(self._instance)
        if reason is None:
            log.info("leftovers are found by ancestry, mark, environment and control group")
        else:
            log.info("leftovers are found by ancestry, mark and environment; there is no control group", reason=reason)

    def _record(self, urls: Sequence[str]) -> None:
        """Tell commands where to call; without it they only find less."""
        try:
            record_running(self._first.state_path, RunningGateway(pid=os.getpid(), urls=tuple(urls)))
        except OSError as error:
            log.warning("where the gateway listens cannot be recorded beside its state", reason=error.strerror)

    def _gateway(
        self, live: LiveConfig, store: Store, control: Control, waiters: Waiters, running_logs: RunningLogs
    ) -> Gateway:
        return Gateway(
            store=store,
            live=live,
            lock=self._lock,
            control=control,
            waiters=waiters,
            running_logs=running_logs,
            metrics=self._metrics,
            feed=EventFeed(store, lambda: live.snapshot.redactor),
            clock=system_clock,
            authenticators=parts.AUTHENTICATORS,
            started_at=system_clock(),
            version=__version__,
            binary_path=sys.argv[0],
            large_values=self._large_values,
        )


def configure_log(snapshot: Snapshot) -> None:
    """Log as the configuration says, without its secrets."""
    service = snapshot.service
    logging.configure_log(service.log_level, service.log_format, service.name, snapshot.redactor)


def announce(snapshot: Snapshot) -> None:
    """Log as the configuration says, its warnings and what was quarantined first."""
    configure_log(snapshot)
    for warning in snapshot.warnings:
        log.warning(warning)
