"""What works in the background: sources that trigger by themselves, and chores that keep the house."""

import asyncio
from typing import Protocol

from ductile.model.snapshot import Snapshot


class Source(Protocol):
    """Works from its start to its stop, and holds nothing that the store does not."""

    task: asyncio.Task[None] | None
    """The work itself, once started; it ends with `stop`, or by a failure that the app must see."""

    async def start(self) -> None:
        """Begin."""
        ...

    def apply(self, old: Snapshot, new: Snapshot) -> None:
        """Follow a reload; must not wait."""
        ...

    async def stop(self) -> None:
        """End."""
        ...
