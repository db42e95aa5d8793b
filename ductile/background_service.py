"""The protocol of background services: sources of jobs, and maintenance."""

import asyncio
from typing import Protocol

from ductile.model.snapshot import Snapshot


class BackgroundService(Protocol):
    """Works from its start to its stop; its durable state is in the store."""

    task: asyncio.Task[None] | None
    """The running task; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Start the work."""
        ...

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a swap of the configuration; must not wait."""
        ...

    async def stop(self) -> None:
        """End the work."""
        ...


async def cancel_and_wait(task: asyncio.Task[None] | None) -> None:
    """Cancel the task of a service and wait until it has ended. A service that was not started has no task."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
