"""Dry run of a pipeline: the steps that it would dispatch, with their payloads, and the steps that it would skip.

The same functions decide as in a real run. A plugin's answer is not known: the steps behind it are followed where
events are assumed for it, and otherwise are listed as waiting for it.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest
from ductile.flow.advance import Advance, NextStep, advance
from ductile.flow.condition import Scope, evaluate
from ductile.flow.errors import ConditionError, RemapError
from ductile.flow.payload import routed_payload, step_payload
from ductile.flow.plan_starts import plan_entry, plugin_configs
from ductile.model.event import Event
from ductile.model.graph import Graph, Node
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Skip

Json = dict[str, Any]
AssumedEvents = Mapping[str, Sequence[Mapping[str, Any]]]
"""Step → the payloads of the events that it is assumed to emit; an empty list ends its branch."""

MAX_DRY_RUN_STEPS: Final = 1_000
"""The most steps of one dry run, since each assumed event multiplies the steps behind it."""


class UnknownStep(BadRequest):
    """Pipeline {pipeline!r} has no step {step!r}{hint} (its steps are {steps})."""

    code = "unknown_step"


class TooManySteps(BadRequest):
    """The assumed events lead to more than {limit} steps; assume fewer."""

    code = "too_many_steps"


class StepInput(Struct, frozen=True, kw_only=True):
    """The payload of an event that reaches a step, and the step that emitted it."""

    payload: Mapping[str, Any]
    emitter: Node | None = None
    """The step that emitted it; None at the start."""


def dry_run_pipeline(
    snapshot: Snapshot, graph: Graph, payload: Mapping[str, Any], assumed: AssumedEvents | None = None
) -> Json:
    """`{pipeline, starts, condition?, values?, steps}`; the steps are as `step_row` and `skip_row` say, nearest first.

    `starts` is whether an event with this payload passes the pipeline's own `if`, which a call by name does not ask.
    Raises UnknownStep, TooManySteps.
    """
    assumed = assumed or {}
    for name in assumed:
        if name not in graph.nodes:
            steps = list(graph.nodes)
            raise UnknownStep(pipeline=graph.name, step=name, hint=did_you_mean(name, steps), steps=", ".join(steps))
    rows: list[Json] = []
    waiting = deque([(StepInput(payload=payload), plan_entry(snapshot, graph, payload))])
    while waiting:
        step_input, next_steps = waiting.popleft()
        rows += [skip_row(skip, step_input) for skip in next_steps.skips]
        for step in next_steps.steps:
            row = step_row(snapshot, graph, step, step_input)
            rows.append(row)
            if row["status"] == "dispatched":
                waiting.extend(_follow_assumed_events(snapshot, graph, step, assumed))
                row |= _following_steps(graph, step, assumed)
        if len(rows) > MAX_DRY_RUN_STEPS:
            raise TooManySteps(limit=MAX_DRY_RUN_STEPS)
    return {"pipeline": graph.name, **_evaluate_condition(graph, payload), "steps": rows}


def _follow_assumed_events(
    snapshot: Snapshot, graph: Graph, step: NextStep, assumed: AssumedEvents
) -> Iterator[tuple[StepInput, Advance]]:
    """The next steps of each event that a step is assumed to emit."""
    node = graph.nodes[step.node]
    for emitted in assumed.get(step.node, ()):
        next_steps = advance(graph, node.next, emitted, step.context, step.depth, plugin_configs(snapshot))
        yield StepInput(payload=emitted, emitter=node), next_steps


def _following_steps(graph: Graph, step: NextStep, assumed: AssumedEvents) -> Json:
    """The steps behind a step without assumed events."""
    following = () if step.node in assumed else graph.nodes[step.node].next
    return {"then": [following_row(graph.nodes[name]) for name in following]} if following else {}


def _evaluate_condition(graph: Graph, payload: Mapping[str, Any]) -> Json:
    if graph.condition is None:
        return {"starts": True}
    try:
        result = evaluate(graph.condition, Scope(payload=payload))
    except ConditionError as error:
        return {"starts": False, "condition": graph.condition, "reason": error.message}
    return {"starts": result.holds, "condition": graph.condition, "values": result.values}


def step_row(snapshot: Snapshot, graph: Graph, step: NextStep, step_input: StepInput) -> Json:
    """`{step, status, plugin, command, after, condition, context, payload, reason?, warnings?, then?}`.

    `dispatched`: its plugin gets `payload`. `held`: it waits, since its plugin cannot run. `failed`: it fails without
    an attempt. `after` is the step whose event reaches it, null at the start; `then` what follows once it has answered.
    """
    node = graph.nodes[step.node]
    row: Json = {"step": step.node, "status": "dispatched", "plugin": step.plugin, "command": step.command}
    row |= {"after": _emitter_id(step_input), "condition": node.condition, "context": step.context, "payload": None}
    if step.error is not None:
        return row | {"status": "failed", "reason": step.error}
    try:
        request_payload = step_payload(node, _payload_with_emitter(graph, step_input), step.context)
    except RemapError as error:
        return row | {"status": "failed", "reason": error.message}
    reason = unusable_reason(snapshot, step.plugin, step.command)
    if reason is not None:
        return row | {"status": "held", "reason": reason, "payload": request_payload}
    warnings = list(schema_warnings(snapshot, step.plugin, step.command, request_payload))
    return row | {"payload": request_payload} | ({"warnings": warnings} if warnings else {})


def _payload_with_emitter(graph: Graph, step_input: StepInput) -> Mapping[str, Any]:
    """The payload with the names of the step that emitted the event."""
    node = step_input.emitter
    if node is None:
        return step_input.payload
    source = node.plugin or ""
    event = Event(id="", type="", payload=b"", source=source, timestamp=0, pipeline=graph.name, step=node.id)
    return routed_payload(step_input.payload, event)


def _emitter_id(step_input: StepInput) -> str | None:
    return None if step_input.emitter is None else step_input.emitter.id


def unusable_reason(snapshot: Snapshot, plugin: str, command: str) -> str | None:
    """Why a step would wait for its plugin; None where the plugin can run."""
    found = snapshot.plugins.get(plugin)
    if found is not None:
        return None if command in found.manifest.commands else f"plugin {plugin!r} has no command {command!r}"
    known = snapshot.unusable.get(plugin)
    return f"plugin {plugin!r} is {known.kind}: {known.reason}" if known else f"there is no plugin {plugin!r}"


def schema_warnings(snapshot: Snapshot, plugin: str, command: str, payload: Mapping[str, Any]) -> Iterator[str]:
    """Violations of a step's input schema, which are warnings in a run, too."""
    validator = snapshot.plugins[plugin].validators.get(command)
    for one in validator(payload) if validator else ():
        yield f"payload does not fit the input schema: {one.path or '/'}: {one.message}"


def skip_row(skip: Skip, step_input: StepInput) -> Json:
    """`{step, status: "skipped", reason, condition, values, after}`; the reason is `condition` or `max_depth`."""
    row: Json = {"step": skip.step, "status": "skipped", "reason": skip.reason, "after": _emitter_id(step_input)}
    return row | {"condition": skip.condition, "values": skip.values}


def following_row(node: Node) -> Json:
    """A step that is reached once the step before it has answered."""
    uses = None if node.plugin is None else f"{node.plugin}.{node.command}"
    return {"step": node.id, "uses": uses, "condition": node.condition}
