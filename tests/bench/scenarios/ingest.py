"""Intake: how many calls a second are answered once their jobs are durable."""

from collections.abc import Iterator

from bench import bare, place
from bench.client import Address, Plan, crowd
from bench.measure import Budget, Row

BODY = {"text": "x" * 980}
"""About 1 KB."""
BUSY = 0.9
"""A client that is at work for more of its time than this is what was measured."""


def ingest(settings: place.Settings) -> Iterator[Row]:
    """Nothing runs meanwhile: the gateway is paused. The bound parses the same JSON and keeps nothing."""
    limits = {1: 0.35, 32: 0.5, 128: 0.5}
    found = {
        count: Row(
            what=f"durable 202s, 1 KB, {count} connection{'s' * (count > 1)}",
            unit="/s",
            bound="bare aiohttp handler",
            budget=Budget(ratio_least=least),
        )
        for count, least in limits.items()
    }
    for _ in range(settings.rounds):
        with place.gateway() as one, place.caller(one) as line, bare.server() as beside:
            line.post("/system/pause")
            for address in (beside, one.address):
                take(address, 32, settings.seconds / 4)  # what is made at the first call is not measured
            for count, row in found.items():
                limit = take(beside, count, settings.seconds, row)
                row.add(take(one.address, count, settings.seconds, row), limit)
    yield from found.values()


def take(address: Address, connections: int, seconds: float, row: Row | None = None) -> float:
    """202s a second."""
    load = crowd(Plan(address=address, request=place.trigger("shell", BODY), connections=connections, seconds=seconds))
    if load.busy > BUSY and row is not None:
        row.note = f"the client was at work for {load.busy:.0%} of its time, and may be what was measured"
    return load.checked()
