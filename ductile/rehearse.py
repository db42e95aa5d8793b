"""A run on paper: which steps a pipeline would dispatch, with what, and what it would pass by.

The same functions decide as in a real run. What a plugin would answer is not known: the steps after it are gone
through where an answer is assumed for it, and else are told as waiting for it.
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
Assumed = Mapping[str, Sequence[Mapping[str, Any]]]
"""Step → the payloads of the events that it is assumed to emit; none of them ends its branch."""

MAX_STEPS: Final = 1_000
"""Steps that one rehearsal goes through: each assumed event multiplies what follows it."""


class UnknownStep(BadRequest):
    """Pipeline {pipeline!r} has no step {step!r}{hint} (its steps are {steps})."""

    code = "unknown_step"


class TooManySteps(BadRequest):
    """The assumed events lead to more than {limit} steps; assume fewer."""

    code = "too_many_steps"


class Moment(Struct, frozen=True, kw_only=True):
    """An event, and where it has come from."""

    payload: Mapping[str, Any]
    after: Node | None = None
    """The step that emitted it; None at the start."""


def rehearse(snapshot: Snapshot, graph: Graph, payload: Mapping[str, Any], assumed: Assumed | None = None) -> Json:
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
    waiting = deque([(Moment(payload=payload), plan_entry(snapshot, graph, payload))])
    while waiting:
        moment, reached = waiting.popleft()
        rows += [skip_row(skip, moment) for skip in reached.skips]
        for step in reached.steps:
            row = step_row(snapshot, graph, step, moment)
            rows.append(row)
            if row["status"] == "dispatched":
                waiting.extend(_onward(snapshot, graph, step, assumed))
                row |= _unknown(graph, step, assumed)
        if len(rows) > MAX_STEPS:
            raise TooManySteps(limit=MAX_STEPS)
    return {"pipeline": graph.name, **_own_condition(graph, payload), "steps": rows}


def _onward(snapshot: Snapshot, graph: Graph, step: NextStep, assumed: Assumed) -> Iterator[tuple[Moment, Advance]]:
    """Where each event goes that the step is assumed to emit."""
    node = graph.nodes[step.node]
    for emitted in assumed.get(step.node, ()):
        reached = advance(graph, node.next, emitted, step.context, step.depth, plugin_configs(snapshot))
        yield Moment(payload=emitted, after=node), reached


def _unknown(graph: Graph, step: NextStep, assumed: Assumed) -> Json:
    """The steps behind one whose answer nobody has assumed."""
    following = () if step.node in assumed else graph.nodes[step.node].next
    return {"then": [onward_row(graph.nodes[name]) for name in following]} if following else {}


def _own_condition(graph: Graph, payload: Mapping[str, Any]) -> Json:
    if graph.condition is None:
        return {"starts": True}
    try:
        verdict = evaluate(graph.condition, Scope(payload=payload))
    except ConditionError as error:
        return {"starts": False, "condition": graph.condition, "reason": error.message}
    return {"starts": verdict.holds, "condition": graph.condition, "values": verdict.values}


def step_row(snapshot: Snapshot, graph: Graph, step: NextStep, moment: Moment) -> Json:
    """`{step, status, plugin, command, after, condition, context, payload, reason?, warnings?, then?}`.

    `dispatched`: its plugin gets `payload`. `held`: it waits, since its plugin cannot run. `failed`: it fails without
    an attempt. `after` is the step whose event reaches it, null at the start; `then` what follows once it has answered.
    """
    node = graph.nodes[step.node]
    row: Json = {"step": step.node, "status": "dispatched", "plugin": step.plugin, "command": step.command}
    row |= {"after": _name(moment), "condition": node.condition, "context": step.context, "payload": None}
    if step.error is not None:
        return row | {"status": "failed", "reason": step.error}
    try:
        sent = step_payload(node, _delivered(graph, moment), step.context)
    except RemapError as error:
        return row | {"status": "failed", "reason": error.message}
    held = unusable(snapshot, step.plugin, step.command)
    if held is not None:
        return row | {"status": "held", "reason": held, "payload": sent}
    warnings = list(misfits(snapshot, step.plugin, step.command, sent))
    return row | {"payload": sent} | ({"warnings": warnings} if warnings else {})


def _delivered(graph: Graph, moment: Moment) -> Mapping[str, Any]:
    """The payload with the names of the step that emitted it."""
    node = moment.after
    if node is None:
        return moment.payload
    source = node.plugin or ""
    event = Event(id="", type="", payload=b"", source=source, timestamp=0, pipeline=graph.name, step=node.id)
    return routed_payload(moment.payload, event)


def _name(moment: Moment) -> str | None:
    return None if moment.after is None else moment.after.id


def unusable(snapshot: Snapshot, plugin: str, command: str) -> str | None:
    """Why a step would wait for its plugin; None where it can run."""
    found = snapshot.plugins.get(plugin)
    if found is not None:
        return None if command in found.manifest.commands else f"plugin {plugin!r} has no command {command!r}"
    known = snapshot.unusable.get(plugin)
    return f"plugin {plugin!r} is {known.kind}: {known.reason}" if known else f"there is no plugin {plugin!r}"


def misfits(snapshot: Snapshot, plugin: str, command: str, payload: Mapping[str, Any]) -> Iterator[str]:
    """How a step's payload breaks its input schema, which is a warning in a run, too."""
    validator = snapshot.plugins[plugin].validators.get(command)
    for one in validator(payload) if validator else ():
        yield f"payload does not fit the input schema: {one.path or '/'}: {one.message}"


def skip_row(skip: Skip, moment: Moment) -> Json:
    """`{step, status: "skipped", reason, condition, values, after}`; the reason is `condition` or `max_depth`."""
    row: Json = {"step": skip.step, "status": "skipped", "reason": skip.reason, "after": _name(moment)}
    return row | {"condition": skip.condition, "values": skip.values}


def onward_row(node: Node) -> Json:
    """A step that is reached once the one before it has answered."""
    uses = None if node.plugin is None else f"{node.plugin}.{node.command}"
    return {"step": node.id, "uses": uses, "condition": node.condition}
