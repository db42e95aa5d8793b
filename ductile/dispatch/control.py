"""Operator's control of the running gateway, by HTTP and by signals."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine

import structlog

from ductile.dispatch.dispatcher import Dispatcher
from ductile.errors import DuctileError

log = structlog.get_logger(__name__)


class ServiceFailed(DuctileError):
    """The gateway's {part} has failed, and a gateway that is deaf must not go on: it stopped. The log says why."""

    code = "part_failed"


class Control:
    """Pauses, resumes and stops."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.pause = dispatcher.pause
        self.resume = dispatcher.resume
        self.stopping = asyncio.Event()
        """The graceful stop was requested."""
        self.force_stop = asyncio.Event()
        """A second request to stop: do not wait for running attempts."""

    @property
    def paused(self) -> bool:
        """Whether claiming is paused."""
        return self._dispatcher.paused

    @property
    def running(self) -> int:
        """The number of running attempts."""
        return self._dispatcher.running

    @property
    def draining(self) -> bool:
        """Whether the gateway is about to stop."""
        return self._dispatcher.draining

    def request_stop(self) -> None:
        """Begin the graceful stop; asked a second time, skip the wait for running attempts."""
        if self.stopping.is_set():
            self.force_stop.set()
        self.stopping.set()


def handle_signals(control: Control, reload: Callable[[str], Coroutine[object, object, object]]) -> None:
    """SIGTERM and SIGINT stop gracefully, SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    reload_tasks: set[asyncio.Task[None]] = set()

    async def reload_quietly() -> None:
        with contextlib.suppress(DuctileError):  # logged, and kept for `/healthz`, by the reload itself
            await reload("SIGHUP")

    def start_reload() -> None:
        task = loop.create_task(reload_quietly())
        reload_tasks.add(task)
        task.add_done_callback(reload_tasks.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, control.request_stop)
    loop.add_signal_handler(signal.SIGHUP, start_reload)


async def wait_for_stop_or_failure(control: Control, *tasks: asyncio.Task[None] | None) -> str | None:
    """Wait for the stop, or for a service that ends before the stop; returns the name of a failed service."""
    stop_requested = asyncio.ensure_future(control.stopping.wait())
    running = [task for task in tasks if task is not None]
    await asyncio.wait({stop_requested, *running}, return_when=asyncio.FIRST_COMPLETED)
    stop_requested.cancel()
    for task in running:
        if task.done():
            log.critical("part failed", part=task.get_name(), exc_info=task.exception())
            return task.get_name()
    return None
