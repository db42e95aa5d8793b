"""How the gateway watches over its parts."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ductile.app import wait_for_stop_or_failure


@pytest.fixture
def control() -> Any:
    return SimpleNamespace(stopping=asyncio.Event())


async def test_a_part_that_fails_ends_the_wait_and_is_named(control: Any) -> None:
    async def fail() -> None:
        message = "deaf"
        raise RuntimeError(message)

    sound = asyncio.create_task(asyncio.Event().wait())
    failed = asyncio.create_task(fail(), name="dispatch")
    assert await wait_for_stop_or_failure(control, sound, failed, None) == "dispatch"  # type: ignore[arg-type]  # any task does
    sound.cancel()


async def test_a_stop_ends_the_wait_and_nothing_has_failed(control: Any) -> None:
    sound = asyncio.create_task(asyncio.Event().wait())
    control.stopping.set()
    assert await wait_for_stop_or_failure(control, sound) is None  # type: ignore[arg-type]  # any task does
    sound.cancel()
