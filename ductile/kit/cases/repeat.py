"""The same request more than once: one after another, with the state it made, and several at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson
from msgspec.structs import replace

from ductile.kit.bench import Exchange
from ductile.kit.cases.compare import Path, differences, shape, steady
from ductile.kit.cases.talk import Talk, answered, same_outcome, told
from ductile.kit.finding import Seen, failed, passed, skipped
from ductile.kit.probes import variant
from ductile.kit.scratch import scratch
from ductile.model.writes import MAX_STATE_BYTES

STABLE = "What the manifest calls `idempotent`, or `type: read`, answers the same when it is asked again."
STATE = f"State is small: at most {MAX_STATE_BYTES // 1024**2} MB, and asking the same again does not make it grow."
CONCURRENCY = "What the manifest calls `concurrency_safe` answers the same when several run at once."

_RUNS = 4
"""So often a command is run with the state that the run before has left."""
_COUNTING = 16
"""Bytes by which a state may grow at each run: a number that gets longer is no leak."""


async def stable(talk: Talk) -> Seen:
    """Two runs in one place, with one input, are alike."""
    if not talk.repeatable:
        return skipped("the manifest does not call it idempotent")
    again = await talk.lab.bench.ask(talk.probe.plugin, talk.probe.ask, talk.place)
    fix = "Let a second run with the same input find the work done and say so, or say `idempotent: false`."
    if not same_outcome(talk.first, again):
        return failed(f"Asked a second time it answers {told(again)}; the first time {told(talk.first)}.", fix, again)
    different = differences(shape(_body(talk.first)), shape(_body(again)))
    if different:
        said = f"Asked a second time its answer is built in another way, at {_named(different)}."
        return failed(said, fix, again)
    return passed()


def _body(exchange: Exchange) -> Mapping[str, Any]:
    """What of an answer others work with."""
    response = answered(exchange)
    if response is None:
        return {}
    if not response.ok:
        return {"error": response.error}
    events = [{"type": event.type, "payload": event.payload} for event in response.events]
    return {"result": response.result, "events": events}


async def state(talk: Talk) -> Seen:
    """Run after run with what the run before remembered."""
    response = answered(talk.first)
    if response is None or response.state_updates is None:
        return skipped("it keeps no state")
    sizes = []
    kept: Mapping[str, Any] = talk.probe.ask.state
    with scratch(talk.lab.files) as place:
        for _ in range(_RUNS):
            exchange = await talk.lab.bench.ask(talk.probe.plugin, replace(talk.probe.ask, state=kept), place)
            response = answered(exchange)
            if response is None or not same_outcome(talk.first, exchange):
                said = f"With the state that it made itself it answers {told(exchange)}; without it {told(talk.first)}."
                return failed(said, "Read every state that the command itself can write.", exchange)
            kept = _next(talk, kept, response.state_updates)
            sizes.append(len(orjson.dumps(kept)))
            if sizes[-1] > MAX_STATE_BYTES:
                said = f"Its state has {sizes[-1]:,} bytes after {len(sizes)} run(s)."
                fix = "Keep a position or a hash instead of what was seen; large things belong in a file."
                return failed(said, fix, exchange)
    return _growth(talk, sizes, exchange)


def _next(talk: Talk, kept: Mapping[str, Any], updates: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The state after an answer, as the gateway keeps it."""
    if updates is None:
        return kept
    a_fact = any(rule.command == talk.command.name for rule in talk.manifest.fact_outputs)
    return updates if a_fact else {**kept, **updates}


def _growth(talk: Talk, sizes: Sequence[int], exchange: Exchange) -> Seen:
    step = min(later - earlier for earlier, later in pairwise(sizes))
    if step <= _COUNTING:
        return passed()
    said = f"Its state grows by {step:,} bytes at each run with the same input ({', '.join(map(str, sizes))} bytes); "
    said += f"after {MAX_STATE_BYTES // step:,} runs it would be too large, and every run after that fails."
    if not talk.repeatable:
        return passed(said)
    return failed(said, "Keep only as much as the next run needs, and drop the oldest entries of a list.", exchange)


async def concurrency(talk: Talk) -> Seen:
    """Several at once, asked two different things, each answer as it was alone.

    Numbers are not compared, nor what differs between two answers to the same request though nothing else runs.
    """
    if not talk.manifest.concurrency_safe:
        return skipped("the manifest says `concurrency_safe: false`")
    other = variant(talk.probe)
    alone = [(talk.probe, talk.first)]
    if other != talk.probe:
        alone.append((other, await talk.with_probe(other).ask()))
    asks = [alone[index % len(alone)] for index in range(talk.lab.at_once)]
    with scratch(talk.lab.files) as place:
        together = await asyncio.gather(*(talk.lab.bench.ask(probe.plugin, probe.ask, place) for probe, _ in asks))
    volatile: list[Path] | None = None
    for exchange, (_, before) in zip(together, asks, strict=True):
        if not same_outcome(before, exchange):
            said = f"{len(asks)} at once: one of them answers {told(exchange)}; alone {told(before)}."
            return failed(said, _FIX, exchange)
        different = _different(talk, before, exchange)
        if different and volatile is None:
            volatile = _different(talk, talk.first, await talk.ask())
        different = [path for path in different if not _below(path, volatile or ())]
        if different:
            said = f"{len(asks)} at once: one of them answers otherwise than alone, at {_named(different)}."
            return failed(said, _FIX, exchange)
    return passed()


_FIX = (
    "Give each run files of its own (its `job_id`, or a temporary folder), or take a lock; "
    "else say `concurrency_safe: false` in the manifest, and never two run at once."
)


def _different(talk: Talk, one: Exchange, other: Exchange) -> list[Path]:
    """Where two answers differ; of a command that changes things, where they are built in another way."""
    if talk.repeatable:
        return differences(steady(_body(one)), steady(_body(other)))
    return differences(shape(_body(one)), shape(_body(other)))


def _below(path: Path, places: Sequence[Path]) -> bool:
    return any(path[: len(place)] == place for place in places)


def _named(paths: Sequence[Path]) -> str:
    first = ".".join(str(part) for part in paths[0])
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"`{first}`{more}"
