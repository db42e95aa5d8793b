"""Waits until a gateway is ready, or has stopped."""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from ductile.cli.core.config_layers import read_layers
from ductile.cli.core.errors import WaitedTooLong
from ductile.cli.core.gateway.target import is_local
from ductile.client import Client, Unreachable
from ductile.config.location import DEFAULT_STATE, FILE
from ductile.config.validation import validate

POLL_SECONDS = 0.1
"""Seconds between two checks of a gateway, whose start and end can only be polled."""


async def wait_until_ready(client: Client, limit: float | None) -> dict[str, Any]:
    """The health of the gateway once it answers and its store commits, within so many seconds. Raises WaitedTooLong."""
    health: dict[str, Any] = {}

    async def is_ready() -> bool:
        with suppress(Unreachable):
            health.update(await client.health())
        return health.get("queue_depth") is not None

    await wait_until(is_ready, limit, "The gateway was not ready", "`ductile system status` looks again")
    return health


async def stop_and_wait(client: Client, url: str, limit: float | None) -> dict[str, Any]:
    """Stop the gateway; return once it answers no more and, on this machine, its process has released its state.

    Raises WaitedTooLong after so many seconds.
    """
    lock = find_lock(await client.health()) if is_local(url) else None
    answer = await client.stop()

    async def is_gone() -> bool:
        return not await is_answering(client) and (lock is None or lock_holder(lock.file) != lock.pid)

    await wait_until(
        is_gone, limit, "The gateway has not stopped", "A second SIGTERM to its process ends its jobs at once"
    )
    return {**answer, "status": "stopped"}


async def wait_until(reached: Callable[[], Awaitable[bool]], limit: float | None, otherwise: str, then: str) -> None:
    """Return once the condition holds. Raises WaitedTooLong with `otherwise` (what failed) and `then` (what to do)."""
    try:
        async with asyncio.timeout(limit):
            while not await reached():  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise WaitedTooLong(what=otherwise, waited=f"{limit:g} seconds", then=then) from None


async def is_answering(client: Client) -> bool:
    """Whether a gateway answers."""
    try:
        await client.health()
    except Unreachable:
        return False
    return True


class GatewayLock(Struct, frozen=True):
    """The file that a running gateway locks, and the id of its process."""

    file: Path
    pid: str


def find_lock(health: Mapping[str, Any]) -> GatewayLock | None:
    """The lock of the gateway that answered so, if its folder is one of this machine."""
    folder = health.get("config_path")
    location = Path(str(folder)) / FILE
    if folder is None or not location.is_file():
        return None
    layers = read_layers(location)
    configuration, _ = validate(layers)
    state = Path(configuration.state.path or layers.root / DEFAULT_STATE)
    file = lock_path(state)
    pid = lock_holder(file)
    return GatewayLock(file, pid) if pid is not None else None


def lock_path(database: Path) -> Path:
    """The file that a gateway of this database locks."""
    return database.with_name(f"{database.name}.lock")


def lock_holder(file: Path) -> str | None:
    """The id of the process that holds a lock file; None where none does, or where the file cannot be read."""
    try:
        number = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(number, 20, 0).decode("ascii", "replace").strip()
    finally:
        os.close(number)
    return None
