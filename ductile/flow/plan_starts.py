"""Jobs and runs that an event, an API call or a hook starts, as values to insert. Ids come from `new_id`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.flow.advance import Advance, advance
from ductile.flow.triggers import routes_for_event
from ductile.model.clock import Millis
from ductile.model.encode import encode
from ductile.model.event import Event
from ductile.model.graph import Graph
from ductile.model.health import CHECK_COMMANDS
from ductile.model.job import PIPELINE_PLUGIN, SubmittedBy
from ductile.model.journal import EntryKind
from ductile.model.names import DEFAULT_COMMAND
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Child, Idempotency, NewContext, Note, Skip, Start

NewId = Callable[[], str]

DEFAULT_MAX_ATTEMPTS = 4
"""Attempts of a job without a configured number, and of a job whose plugin does not exist now."""


class Lineage(Struct, frozen=True, kw_only=True):
    """Values that a root job takes from its cause."""

    principal: str
    submitted_by: str
    request_id: str | None = None
    priority: int = 0
    hops: int = 0
    cause_event_id: str | None = None
    route: bool = False
    run_at: Millis | None = None
    dedupe_key: str | None = None
    idempotency: Idempotency | None = None


def plugin_configs(snapshot: Snapshot) -> Callable[[str], Mapping[str, Any]]:
    """A function from a plugin's name to its configuration, which is empty for an unknown plugin."""

    def config(plugin: str) -> Mapping[str, Any]:
        known = snapshot.plugins.get(plugin)
        return known.config if known else {}

    return config


def max_attempts(snapshot: Snapshot, plugin: str, command: str) -> int:
    """The number of attempts of a job of this plugin command."""
    if command in CHECK_COMMANDS:
        return 1
    known = snapshot.plugins.get(plugin)
    return known.max_attempts if known else DEFAULT_MAX_ATTEMPTS


def plan_children(
    snapshot: Snapshot, steps: Advance, *, event_id: str, context_id: str | None, new_id: NewId
) -> tuple[Child, ...]:
    """The child jobs of the steps that one event reaches; `context_id` is the baggage that they inherit."""
    rows = []
    for step in steps.steps:
        own = (
            NewContext(id=new_id(), parent_id=context_id, values=snapshot.seal_secrets(encode(step.context)))
            if step.claimed and step.error is None
            else None
        )
        rows.append(
            Child(
                id=new_id(),
                step=step.node,
                plugin=step.plugin,
                command=step.command,
                max_attempts=max_attempts(snapshot, step.plugin, step.command),
                event_id=event_id,
                context=own,
                context_id=own.id if own else context_id,
                depth=step.depth,
                error=snapshot.redactor.clip(step.error) if step.error else None,
            )
        )
    return tuple(rows)


def plan_entry(snapshot: Snapshot, graph: Graph, payload: Mapping[str, Any]) -> Advance:
    """The first steps of a run that begins with this payload and empty baggage."""
    return advance(graph, graph.entry, payload, {}, 0, plugin_configs(snapshot))


def plan_run(
    snapshot: Snapshot,
    graph: Graph,
    event: Event,
    payload: Mapping[str, Any],
    lineage: Lineage,
    *,
    run_id: str,
    new_id: NewId,
) -> Start:
    """A run of the pipeline on this event. The event is stored with the run, unless the event caused the run."""
    root = replace(
        plan_job(snapshot, PIPELINE_PLUGIN, graph.name, event, lineage, job_id=run_id),
        definition=graph.hash,
        definition_document=graph.document,
        max_attempts=1,
        route=True,
    )
    if root.error is not None:
        return root
    first = plan_entry(snapshot, graph, payload)
    steps = plan_children(snapshot, first, event_id=event.id, context_id=None, new_id=new_id)
    return replace(root, children=steps, skips=redact_skips(snapshot, first.skips))


def redact_skips(snapshot: Snapshot, skips: tuple[Skip, ...]) -> tuple[Skip, ...]:
    """Skipped steps as they are stored: a condition and its values may hold settings of a plugin."""
    redact = snapshot.redactor.value
    return tuple(replace(skip, condition=redact(skip.condition), values=redact(skip.values)) for skip in skips)


def plan_job(snapshot: Snapshot, plugin: str, command: str, event: Event, lineage: Lineage, *, job_id: str) -> Start:
    """A plain job of this plugin command on this event."""
    return Start(
        id=job_id,
        plugin=plugin,
        command=command,
        event=event if lineage.cause_event_id != event.id else None,
        event_id=event.id,
        cause_event_id=lineage.cause_event_id,
        max_attempts=max_attempts(snapshot, plugin, command),
        priority=lineage.priority,
        run_at=lineage.run_at,
        route=lineage.route,
        hops=lineage.hops,
        principal=lineage.principal,
        submitted_by=lineage.submitted_by,
        request_id=lineage.request_id,
        dedupe_key=lineage.dedupe_key,
        dedupe_ttl=snapshot.service.dedupe_ttl,
        generation=snapshot.generation,
        idempotency=lineage.idempotency,
        error=_loop_error(snapshot, lineage, f"{plugin}.{command}"),
    )


def starts_for_event(
    snapshot: Snapshot,
    event: Event,
    payload: Mapping[str, Any],
    pipelines: Sequence[Graph],
    lineage: Lineage,
    *,
    new_id: NewId,
) -> tuple[Start, ...]:
    """Every run and job that an emitted event starts: the given pipelines, then the `routes:` of its source."""
    runs = [plan_run(snapshot, graph, event, payload, lineage, run_id=new_id(), new_id=new_id) for graph in pipelines]
    jobs = [
        plan_job(snapshot, route.to, DEFAULT_COMMAND, event, lineage, job_id=new_id())
        for route in routes_for_event(snapshot, event.type, event.source)
    ]
    return (*runs, *jobs)


def lineage_after_event(event: Event, *, principal: str, request_id: str | None, priority: int, hops: int) -> Lineage:
    """Lineage of a root that an emitted event starts: one hop more, and the event as its cause."""
    return Lineage(
        principal=principal,
        submitted_by=SubmittedBy.ROUTE,
        request_id=request_id,
        priority=priority,
        hops=hops + 1,
        cause_event_id=event.id,
        route=True,
        dedupe_key=event.dedupe_key,
    )


def lineage_of_posted_event(event: Event, *, principal: str, submitted_by: str, request_id: str | None) -> Lineage:
    """Lineage of a root that a posted event starts: no hops."""
    return Lineage(
        principal=principal,
        submitted_by=submitted_by,
        request_id=request_id,
        cause_event_id=event.id,
        route=True,
        dedupe_key=event.dedupe_key,
    )


def undecided_note(job_id: str, reason: str) -> Note:
    """A journal entry for a pipeline that was not started because its `if` could not be evaluated."""
    return Note(kind=EntryKind.CONDITION_UNDECIDED, job_id=job_id, data={"reason": reason})


def _loop_error(snapshot: Snapshot, lineage: Lineage, target: str) -> str | None:
    limit = snapshot.service.max_hops
    if lineage.hops <= limit:
        return None
    return (
        f"{target} was not started: the chain of events, routes and hooks that leads to it is longer than "
        f"service.max_hops ({limit}), so it is taken for a loop"
    )
