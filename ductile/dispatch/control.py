"""What an operator may do to the running gateway, over HTTP as by signals."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine

import structlog

from ductile.dispatch.loop import Dispatcher
from ductile.errors import DuctileError

log = structlog.get_logger(__name__)


class PartFailed(DuctileError):
    """The gateway's {part} has failed, and a gateway that is deaf must not go on: it stopped. The log says why."""

    code = "part_failed"


class Control:
    """Pauses, resumes and stops."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.pause = dispatcher.pause
        self.resume = dispatcher.resume
        self.stopping = asyncio.Event()
        """The graceful stop has been asked for."""
        self.hurry = asyncio.Event()
        """It was asked for again: running attempts are not waited for."""

    @property
    def paused(self) -> bool:
        """Whether nothing is claimed."""
        return self._dispatcher.paused

    @property
    def running(self) -> int:
        """How many attempts run."""
        return self._dispatcher.running

    @property
    def draining(self) -> bool:
        """Whether the gateway is about to stop."""
        return self._dispatcher.draining

    def request_stop(self) -> None:
        """Begin the graceful stop; asked a second time, skip the wait for running attempts."""
        if self.stopping.is_set():
            self.hurry.set()
        self.stopping.set()


def on_signals(control: Control, reload: Callable[[str], Coroutine[object, object, object]]) -> None:
    """SIGTERM and SIGINT stop gracefully, SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    async def reload_quietly() -> None:
        with contextlib.suppress(DuctileError):  # logged, and kept for `/healthz`, by the reload itself
            await reload("SIGHUP")

    def hang_up() -> None:
        task = loop.create_task(reload_quietly())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, control.request_stop)
    loop.add_signal_handler(signal.SIGHUP, hang_up)


async def stopped_or_failed(control: Control, *tasks: asyncio.Task[None] | None) -> str | None:
    """Wait for the stop, or for a part that ends before it; the name of one that failed."""
    asked = asyncio.ensure_future(control.stopping.wait())
    at_work = [task for task in tasks if task is not None]
    await asyncio.wait({asked, *at_work}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in at_work:
        if task.done():
            log.critical("part failed", part=task.get_name(), exc_info=task.exception())
            return task.get_name()
    return None
