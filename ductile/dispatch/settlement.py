"""Builds the settlement of an attempt: all changes at its end, as one value. Pure but for new ids."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from ductile.dispatch.outcome import AttemptOutcome
from ductile.dispatch.retry_policy import RetryDecision, RetryRules, decide
from ductile.errors import DuctileError
from ductile.flow import plan_starts
from ductile.flow.advance import advance
from ductile.flow.plan_starts import NewId
from ductile.flow.triggers import pipelines_on_event
from ductile.model.clock import Millis
from ductile.model.encode import encode
from ductile.model.event import STEP_SUCCEEDED, EmittedEvent, Event
from ductile.model.graph import Graph
from ductile.model.job import ClaimedJob, Job, Outcome, State
from ductile.model.output import excess
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Child, Note, Settlement, Skip, Start, StateUpdate
from ductile.plugin.messages import Response


class Ending(Struct, frozen=True, kw_only=True):
    """An attempt that has ended, and the values that its settlement is built from."""

    claimed: ClaimedJob
    snapshot: Snapshot
    """The generation that the attempt ran under."""
    graph: Graph | None
    """The run's pinned definition; None for a plain job."""
    outcome: AttemptOutcome
    runner: str
    started_at: Millis
    ended_at: Millis
    jitter: float


class EventsTooLarge(DuctileError):
    """The response has {excess}; give events smaller payloads, or the response a smaller `result`."""

    code = "events_too_large"


class _FollowUps(Struct, frozen=True, kw_only=True):
    """The events of an attempt, and what they start."""

    events: tuple[Event, ...] = ()
    children: tuple[Child, ...] = ()
    skips: tuple[Skip, ...] = ()
    starts: tuple[Start, ...] = ()
    notes: tuple[Note, ...] = ()


def build_settlement(ending: Ending, new_id: NewId) -> Settlement:
    """Build the settlement: all changes at the end of this attempt."""
    job, outcome, redactor = ending.claimed.job, ending.outcome, ending.snapshot.redactor
    decision = decide(job, outcome.kind, _retry_rules(ending), ending.ended_at, ending.jitter)
    follow_ups = _follow_ups(ending, decision, new_id) if decision.state is not State.QUEUED else _FollowUps()
    error = f"{outcome.error}; {decision.note}" if decision.note else outcome.error
    execution = outcome.execution
    stderr = execution.stderr.decode(errors="replace") if execution and execution.stderr else None
    logs = [*outcome.logs, *(outcome.response.logs if outcome.response else ())]
    return Settlement(
        job=job,
        outcome=outcome.kind,
        state=decision.state,
        run_at=decision.run_at,
        started_at=ending.started_at,
        runner=ending.runner,
        generation=ending.snapshot.generation,
        exit_code=execution.exit_code if execution else None,
        result=_result_document(outcome.response, redactor.value),
        error=redactor.clip(error) if error else None,
        stdout=redactor.clip(outcome.stdout) if outcome.stdout else None,
        stderr=redactor.clip(stderr) if stderr else None,
        logs=encode(redactor.value(logs)) if logs else None,
        events=follow_ups.events,
        children=follow_ups.children,
        skips=follow_ups.skips,
        starts=follow_ups.starts,
        state_update=_state_update(ending, decision),
        notes=follow_ups.notes,
    )


def _retry_rules(ending: Ending) -> RetryRules:
    job, outcome = ending.claimed.job, ending.outcome
    plugin = ending.snapshot.plugins[job.plugin]
    return RetryRules(
        backoff_base=plugin.backoff_base,
        retry=outcome.retry,
        answered=outcome.answered,
        started=outcome.execution is not None,
        retry_safe=plugin.manifest.commands[job.command].retry_safe,
    )


def _result_document(response: Response | None, redact: Any) -> bytes | None:
    if response is None:
        return None
    document: dict[str, Any] = {"status": "ok" if response.ok else "error", "result": redact(response.result)}
    if response.error is not None:
        document["error"] = redact(response.error)
    if response.state_updates is not None:
        document["state_updates"] = response.state_updates
    return encode(document)


def _state_update(ending: Ending, decision: RetryDecision) -> StateUpdate | None:
    """Plugin state changes on success and, without a fact rule, on a final error."""
    job, response = ending.claimed.job, ending.outcome.response
    if response is None or not response.state_updates or decision.state in {State.QUEUED, State.CANCELLED}:
        return None
    manifest = ending.snapshot.plugins[job.plugin].manifest
    fact = next((rule.fact_type for rule in manifest.fact_outputs if rule.command == job.command), None)
    if fact is not None and ending.outcome.kind is not Outcome.SUCCEEDED:
        return None
    return StateUpdate(plugin=job.plugin, values=response.state_updates, fact_type=fact)


def _follow_ups(ending: Ending, decision: RetryDecision, new_id: NewId) -> _FollowUps:
    job, response = ending.claimed.job, ending.outcome.response
    if response is None or decision.state is State.CANCELLED:
        return _FollowUps()
    events = _build_events(ending, response, new_id)
    follow_ups = [_start_roots(ending, event, payload, new_id) for event, payload in events]
    if ending.outcome.kind is Outcome.SUCCEEDED and ending.graph is not None and job.step is not None:
        onward = ending.graph.nodes[job.step].next
        if onward and not events:
            synthetic = _build_event(
                ending, EmittedEvent(type=STEP_SUCCEEDED, payload={"result": response.result}), new_id
            )
            events = [synthetic]
        if onward:
            follow_ups += [_advance_run(ending, ending.graph, event, payload, new_id) for event, payload in events]
    return _FollowUps(
        events=tuple(event for event, _ in events),
        children=tuple(child for one in follow_ups for child in one.children),
        skips=tuple(skip for one in follow_ups for skip in one.skips),
        starts=tuple(start for one in follow_ups for start in one.starts),
        notes=tuple(note for one in follow_ups for note in one.notes),
    )


def _build_events(ending: Ending, response: Response, new_id: NewId) -> list[tuple[Event, Mapping[str, Any]]]:
    """The events of the response, each with the result. Raises EventsTooLarge."""
    limit = ending.snapshot.plugins[ending.claimed.job.plugin].output.max_event_bytes
    events: list[tuple[Event, Mapping[str, Any]]] = []
    size = 0
    for emitted in response.events:
        events.append(_build_event(ending, emitted, new_id))
        size += len(events[-1][0].payload)
        if size > limit:
            raise EventsTooLarge(excess=excess("max_event_bytes", limit, "of events, the result counted in each"))
    return events


def _build_event(ending: Ending, emitted: EmittedEvent, new_id: NewId) -> tuple[Event, Mapping[str, Any]]:
    """The event as it is stored; its payload has the response's `result` unless it has its own."""
    job, response, snapshot = ending.claimed.job, ending.outcome.response, ending.snapshot
    payload = dict(emitted.payload)
    if response is not None and response.result is not None:
        payload.setdefault("result", response.result)
    event = Event(
        id=new_id(),
        type=snapshot.pseudonym(emitted.type),
        payload=snapshot.seal_secrets(encode(payload)),
        source=job.plugin,
        timestamp=ending.ended_at,
        dedupe_key=None if emitted.dedupe_key is None else snapshot.pseudonym(emitted.dedupe_key),
        job_id=job.id,
        root_id=job.root_id,
        pipeline=ending.graph.name if ending.graph else None,
        step=job.step,
    )
    return event, payload


def _advance_run(ending: Ending, graph: Graph, event: Event, payload: Mapping[str, Any], new_id: NewId) -> _FollowUps:
    """The next steps of the run."""
    job, snapshot = ending.claimed.job, ending.snapshot
    context = orjson.loads(ending.claimed.context)
    onward = graph.nodes[job.step].next if job.step is not None else ()
    steps = advance(graph, onward, payload, context, job.depth, plan_starts.plugin_configs(snapshot))
    rows = plan_starts.plan_children(snapshot, steps, event_id=event.id, context_id=job.context_id, new_id=new_id)
    return _FollowUps(children=rows, skips=plan_starts.redact_skips(snapshot, steps.skips))


def _start_roots(ending: Ending, event: Event, payload: Mapping[str, Any], new_id: NewId) -> _FollowUps:
    """The runs and jobs that an emitted event starts: new roots, for which the emitting job does not wait."""
    job, snapshot = ending.claimed.job, ending.snapshot
    if not job.route:
        return _FollowUps()
    context = orjson.loads(ending.claimed.context)
    pipelines, notes = pipelines_on_event(snapshot, event.type, event.source, payload, context)
    lineage = plan_starts.lineage_after_event(
        event, principal=job.principal, request_id=job.request_id, priority=job.priority, hops=job.hops
    )
    return _FollowUps(
        starts=plan_starts.starts_for_event(snapshot, event, payload, pipelines, lineage, new_id=new_id),
        notes=tuple(plan_starts.undecided_note(job.id, reason) for reason in notes),
    )


def lost_retry_rules(job: Job, snapshot: Snapshot) -> RetryRules:
    """The rules for an attempt whose gateway died; without its plugin, another try is allowed."""
    plugin = snapshot.plugins.get(job.plugin)
    command = plugin.manifest.commands.get(job.command) if plugin else None
    return RetryRules(backoff_base=0, retry_safe=command.retry_safe if command else True)
