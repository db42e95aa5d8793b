"""From a judged attempt to its settlement: everything that its end changes, as one value. Pure but for new ids."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from ductile.dispatch.judge import Judged
from ductile.dispatch.retry import Rules, Verdict, decide
from ductile.errors import DuctileError
from ductile.flow import plan_starts
from ductile.flow.advance import advance
from ductile.flow.plan_starts import NewId
from ductile.flow.triggers import pipelines_on_event
from ductile.model.clock import Millis
from ductile.model.encode import encode
from ductile.model.event import STEP_SUCCEEDED, Emitted, Event
from ductile.model.graph import Graph
from ductile.model.job import Claimed, Job, Outcome, State
from ductile.model.order import Child, Note, Settlement, Skip, Start, StateUpdate
from ductile.model.output import excess
from ductile.model.snapshot import Snapshot
from ductile.plugin.protocol import Response


class Ending(Struct, frozen=True, kw_only=True):
    """An attempt that has ended, and all that is needed to settle it."""

    claimed: Claimed
    snapshot: Snapshot
    """The generation that the attempt ran under."""
    graph: Graph | None
    """The run's pinned definition; None for a plain job."""
    judged: Judged
    runner: str
    started_at: Millis
    ended_at: Millis
    chance: float


class EventsTooLarge(DuctileError):
    """The response has {excess}; give events smaller payloads, or the response a smaller `result`."""

    code = "events_too_large"


class _Flow(Struct, frozen=True, kw_only=True):
    """What an attempt's events lead to."""

    events: tuple[Event, ...] = ()
    children: tuple[Child, ...] = ()
    skips: tuple[Skip, ...] = ()
    starts: tuple[Start, ...] = ()
    notes: tuple[Note, ...] = ()


def settlement(ending: Ending, new_id: NewId) -> Settlement:
    """Everything the end of this attempt changes."""
    job, judged, redactor = ending.claimed.job, ending.judged, ending.snapshot.redactor
    verdict = decide(job, judged.outcome, _rules(ending), ending.ended_at, ending.chance)
    flow = _flow(ending, verdict, new_id) if verdict.state is not State.QUEUED else _Flow()
    error = f"{judged.error}; {verdict.note}" if verdict.note else judged.error
    execution = judged.execution
    stderr = execution.stderr.decode(errors="replace") if execution and execution.stderr else None
    logs = [*judged.logs, *(judged.response.logs if judged.response else ())]
    return Settlement(
        job=job,
        outcome=judged.outcome,
        state=verdict.state,
        run_at=verdict.run_at,
        started_at=ending.started_at,
        runner=ending.runner,
        generation=ending.snapshot.generation,
        exit_code=execution.exit_code if execution else None,
        result=_result(judged.response, redactor.value),
        error=redactor.clipped(error) if error else None,
        stdout=redactor.clipped(judged.stdout) if judged.stdout else None,
        stderr=redactor.clipped(stderr) if stderr else None,
        logs=encode(redactor.value(logs)) if logs else None,
        events=flow.events,
        children=flow.children,
        skips=flow.skips,
        starts=flow.starts,
        state_update=_state_update(ending, verdict),
        notes=flow.notes,
    )


def _rules(ending: Ending) -> Rules:
    job, judged = ending.claimed.job, ending.judged
    plugin = ending.snapshot.plugins[job.plugin]
    return Rules(
        backoff_base=plugin.backoff_base,
        retry=judged.retry,
        answered=judged.answered,
        started=judged.execution is not None,
        retry_safe=plugin.manifest.commands[job.command].retry_safe,
    )


def _result(response: Response | None, redact: Any) -> bytes | None:
    if response is None:
        return None
    document: dict[str, Any] = {"status": "ok" if response.ok else "error", "result": redact(response.result)}
    if response.error is not None:
        document["error"] = redact(response.error)
    if response.state_updates is not None:
        document["state_updates"] = response.state_updates
    return encode(document)


def _state_update(ending: Ending, verdict: Verdict) -> StateUpdate | None:
    """State counts on success and, without a fact rule, on an error that is final."""
    job, response = ending.claimed.job, ending.judged.response
    if response is None or not response.state_updates or verdict.state in {State.QUEUED, State.CANCELLED}:
        return None
    manifest = ending.snapshot.plugins[job.plugin].manifest
    fact = next((rule.fact_type for rule in manifest.fact_outputs if rule.command == job.command), None)
    if fact is not None and ending.judged.outcome is not Outcome.SUCCEEDED:
        return None
    return StateUpdate(plugin=job.plugin, values=response.state_updates, fact_type=fact)


def _flow(ending: Ending, verdict: Verdict, new_id: NewId) -> _Flow:
    job, response = ending.claimed.job, ending.judged.response
    if response is None or verdict.state is State.CANCELLED:
        return _Flow()
    events = _events(ending, response, new_id)
    parts = [_started(ending, event, payload, new_id) for event, payload in events]
    if ending.judged.outcome is Outcome.SUCCEEDED and ending.graph is not None and job.step is not None:
        onward = ending.graph.nodes[job.step].next
        if onward and not events:
            synthetic = _event(ending, Emitted(type=STEP_SUCCEEDED, payload={"result": response.result}), new_id)
            events = [synthetic]
        if onward:
            parts += [_onward(ending, ending.graph, event, payload, new_id) for event, payload in events]
    return _Flow(
        events=tuple(event for event, _ in events),
        children=tuple(child for part in parts for child in part.children),
        skips=tuple(skip for part in parts for skip in part.skips),
        starts=tuple(start for part in parts for start in part.starts),
        notes=tuple(note for part in parts for note in part.notes),
    )


def _events(ending: Ending, response: Response, new_id: NewId) -> list[tuple[Event, Mapping[str, Any]]]:
    """The events of the response. Raises EventsTooLarge: a large result stands in each of them."""
    limit = ending.snapshot.plugins[ending.claimed.job.plugin].output.max_event_bytes
    events: list[tuple[Event, Mapping[str, Any]]] = []
    size = 0
    for emitted in response.events:
        events.append(_event(ending, emitted, new_id))
        size += len(events[-1][0].payload)
        if size > limit:
            raise EventsTooLarge(excess=excess("max_event_bytes", limit, "of events, the result counted in each"))
    return events


def _event(ending: Ending, emitted: Emitted, new_id: NewId) -> tuple[Event, Mapping[str, Any]]:
    """The event as it is stored; its payload carries the response's `result` unless it has one of its own."""
    job, response, snapshot = ending.claimed.job, ending.judged.response, ending.snapshot
    payload = dict(emitted.payload)
    if response is not None and response.result is not None:
        payload.setdefault("result", response.result)
    event = Event(
        id=new_id(),
        type=snapshot.pseudonym(emitted.type),
        payload=snapshot.protected(encode(payload)),
        source=job.plugin,
        timestamp=ending.ended_at,
        dedupe_key=None if emitted.dedupe_key is None else snapshot.pseudonym(emitted.dedupe_key),
        job_id=job.id,
        root_id=job.root_id,
        pipeline=ending.graph.name if ending.graph else None,
        step=job.step,
    )
    return event, payload


def _onward(ending: Ending, graph: Graph, event: Event, payload: Mapping[str, Any], new_id: NewId) -> _Flow:
    """The next steps of the run."""
    job, snapshot = ending.claimed.job, ending.snapshot
    context = orjson.loads(ending.claimed.context)
    onward = graph.nodes[job.step].next if job.step is not None else ()
    steps = advance(graph, onward, payload, context, job.depth, plan_starts.plugin_configs(snapshot))
    rows = plan_starts.plan_children(snapshot, steps, event_id=event.id, context_id=job.context_id, new_id=new_id)
    return _Flow(children=rows, skips=plan_starts.redact_skips(snapshot, steps.skips))


def _started(ending: Ending, event: Event, payload: Mapping[str, Any], new_id: NewId) -> _Flow:
    """The runs and jobs that an emitted event starts: new roots, which its emitter neither waits for nor counts."""
    job, snapshot = ending.claimed.job, ending.snapshot
    if not job.route:
        return _Flow()
    context = orjson.loads(ending.claimed.context)
    pipelines, notes = pipelines_on_event(snapshot, event.type, event.source, payload, context)
    lineage = plan_starts.lineage_after_event(
        event, principal=job.principal, request_id=job.request_id, priority=job.priority, hops=job.hops
    )
    return _Flow(
        starts=plan_starts.starts_for_event(snapshot, event, payload, pipelines, lineage, new_id=new_id),
        notes=tuple(plan_starts.undecided_note(job.id, reason) for reason in notes),
    )


def lost_rules(job: Job, snapshot: Snapshot) -> Rules:
    """The rules for an attempt whose gateway died; a plugin that is gone says nothing against another try."""
    plugin = snapshot.plugins.get(job.plugin)
    command = plugin.manifest.commands.get(job.command) if plugin else None
    return Rules(backoff_base=0, retry_safe=command.retry_safe if command else True)
