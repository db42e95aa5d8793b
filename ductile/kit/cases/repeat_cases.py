"""Cases that repeat a request: in sequence, with the state of the run before, and concurrently."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson
from msgspec.structs import replace

from ductile.kit.case_result import Observation, fail_case, pass_case, skip_case
from ductile.kit.cases.case_context import CommandContext, describe_answer, has_same_outcome, read_response
from ductile.kit.cases.json_difference import JsonPath, find_differences, value_shape, without_numbers
from ductile.kit.exchange import Exchange
from ductile.kit.sample_requests import vary_texts
from ductile.kit.workspace import scratch_workspace
from ductile.model.writes import MAX_STATE_BYTES

STABLE_RULE = "What the manifest calls `idempotent`, or `type: read`, answers the same when it is asked again."
STATE_RULE = (
    f"State is small: at most {MAX_STATE_BYTES // 1024**2} MB, and asking the same again does not make it grow."
)
CONCURRENCY_RULE = "What the manifest calls `concurrency_safe` answers the same when several run at once."

_STATE_RUNS = 4
"""Runs of a command, each with the state of the run before."""
_COUNTER_BYTES = 16
"""Bytes by which a state may grow at each run: a counter that gets longer is no leak."""


async def check_stable(context: CommandContext) -> Observation:
    """Two runs in one place, with one input, are alike."""
    if not context.repeatable:
        return skip_case("the manifest does not call it idempotent")
    again = await context.sender.send_request(context.sample.plugin, context.sample.request, context.workspace)
    fix = "Let a second run with the same input find the work done and say so, or say `idempotent: false`."
    if not has_same_outcome(context.first, again):
        message = f"Asked a second time it answers {describe_answer(again)}; "
        message += f"the first time {describe_answer(context.first)}."
        return fail_case(message, fix, again)
    different = find_differences(value_shape(_answer_body(context.first)), value_shape(_answer_body(again)))
    if different:
        message = f"Asked a second time its answer is built in another way, at {_name_paths(different)}."
        return fail_case(message, fix, again)
    return pass_case()


def _answer_body(exchange: Exchange) -> Mapping[str, Any]:
    """The parts of an answer that other steps use."""
    response = read_response(exchange)
    if response is None:
        return {}
    if not response.ok:
        return {"error": response.error}
    events = [{"type": event.type, "payload": event.payload} for event in response.events]
    return {"result": response.result, "events": events}


async def check_state(context: CommandContext) -> Observation:
    """The state stays small over several runs."""
    response = read_response(context.first)
    if response is None or response.state_updates is None:
        return skip_case("it keeps no state")
    sizes = []
    stored: Mapping[str, Any] = context.sample.request.state
    with scratch_workspace(context.case_context.files) as workspace:
        for _ in range(_STATE_RUNS):
            exchange = await context.sender.send_request(
                context.sample.plugin, replace(context.sample.request, state=stored), workspace
            )
            response = read_response(exchange)
            if response is None or not has_same_outcome(context.first, exchange):
                message = f"With the state that it made itself it answers {describe_answer(exchange)}; "
                message += f"without it {describe_answer(context.first)}."
                return fail_case(message, "Read every state that the command itself can write.", exchange)
            stored = _next_state(context, stored, response.state_updates)
            sizes.append(len(orjson.dumps(stored)))
            if sizes[-1] > MAX_STATE_BYTES:
                message = f"Its state has {sizes[-1]:,} bytes after {len(sizes)} run(s)."
                fix = "Keep a position or a hash instead of what was seen; large things belong in a file."
                return fail_case(message, fix, exchange)
    return _check_growth(context, sizes, exchange)


def _next_state(
    context: CommandContext, stored: Mapping[str, Any], updates: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The state after an answer, as the gateway keeps it."""
    if updates is None:
        return stored
    a_fact = any(rule.command == context.command.name for rule in context.manifest.fact_outputs)
    return updates if a_fact else {**stored, **updates}


def _check_growth(context: CommandContext, sizes: Sequence[int], exchange: Exchange) -> Observation:
    step = min(later - earlier for earlier, later in pairwise(sizes))
    if step <= _COUNTER_BYTES:
        return pass_case()
    message = (
        f"Its state grows by {step:,} bytes at each run with the same input ({', '.join(map(str, sizes))} bytes); "
    )
    message += f"after {MAX_STATE_BYTES // step:,} runs it would be too large, and every run after that fails."
    if not context.repeatable:
        return pass_case(message)
    return fail_case(
        message, "Keep only as much as the next run needs, and drop the oldest entries of a list.", exchange
    )


async def check_concurrency(context: CommandContext) -> Observation:
    """Several at once, asked two different things, each answer as it was alone.

    Numbers are not compared, nor what differs between two answers to the same request though nothing else runs.
    """
    if not context.manifest.concurrency_safe:
        return skip_case("the manifest says `concurrency_safe: false`")
    other = vary_texts(context.sample)
    alone = [(context.sample, context.first)]
    if other != context.sample:
        alone.append((other, await context.with_sample(other).send_request()))
    asks = [alone[index % len(alone)] for index in range(context.case_context.at_once)]
    with scratch_workspace(context.case_context.files) as workspace:
        together = await asyncio.gather(
            *(context.sender.send_request(sample.plugin, sample.request, workspace) for sample, _ in asks)
        )
    volatile: list[JsonPath] | None = None
    for exchange, (_, before) in zip(together, asks, strict=True):
        if not has_same_outcome(before, exchange):
            message = f"{len(asks)} at once: one of them answers {describe_answer(exchange)}; "
            message += f"alone {describe_answer(before)}."
            return fail_case(message, _CONCURRENCY_FIX, exchange)
        different = _answer_differences(context, before, exchange)
        if different and volatile is None:
            volatile = _answer_differences(context, context.first, await context.send_request())
        different = [path for path in different if not _is_below(path, volatile or ())]
        if different:
            message = f"{len(asks)} at once: one of them answers otherwise than alone, at {_name_paths(different)}."
            return fail_case(message, _CONCURRENCY_FIX, exchange)
    return pass_case()


_CONCURRENCY_FIX = (
    "Give each run files of its own (its `job_id`, or a temporary folder), or take a lock; "
    "else say `concurrency_safe: false` in the manifest, and never two run at once."
)


def _answer_differences(context: CommandContext, one: Exchange, other: Exchange) -> list[JsonPath]:
    """Where two answers differ; of a command that changes things, where they are built in another way."""
    if context.repeatable:
        return find_differences(without_numbers(_answer_body(one)), without_numbers(_answer_body(other)))
    return find_differences(value_shape(_answer_body(one)), value_shape(_answer_body(other)))


def _is_below(path: JsonPath, workspaces: Sequence[JsonPath]) -> bool:
    return any(path[: len(workspace)] == workspace for workspace in workspaces)


def _name_paths(paths: Sequence[JsonPath]) -> str:
    first = ".".join(str(part) for part in paths[0])
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"`{first}`{more}"
