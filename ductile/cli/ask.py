"""Calls of the gateway, without importing what they need before one is made."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # aiohttp and pydantic take longer to import than `--help` to run
    from ductile.client import Client


def ask(work: "Callable[[Client], Awaitable[Any]]", url: str | None, token: str | None, config: str | None) -> Any:
    """What the gateway answers; which one is as `find_target` says. Raises its errors and the client's."""
    from ductile.cli.target import exchange, find_target  # noqa: PLC0415 - as above

    return exchange(work, find_target(url, token, config))
