"""Submits jobs and runs that a client asks for by name, retries, and posted events.

The payload is checked against the manifest first; what is returned is durable. Schedules and `init` jobs do not come
through here.
"""

from collections.abc import Awaitable, Mapping
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from ductile.document.problem import did_you_mean
from ductile.document.vault import Unsealable
from ductile.errors import BadRequest, NotFound, Unavailable
from ductile.flow import plan_starts
from ductile.flow.advance import NextStep
from ductile.flow.triggers import pipelines_on_event
from ductile.model.clock import Millis
from ductile.model.encode import Unencodable, encode
from ductile.model.event import API_TRIGGER, Event
from ductile.model.graph import Graph
from ductile.model.ids import new_id
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, AcceptedEvent, AcceptedJob, Job
from ductile.model.journal import EntryKind
from ductile.model.snapshot import Plugin, Snapshot
from ductile.model.writes import Idempotency, Note, Start
from ductile.store.contract import Store
from ductile.store.errors import JobUnfinished, PayloadGone, UnknownJob


class UnknownPlugin(NotFound):
    """No plugin is named {plugin!r}{hint} (GET /plugins lists them)."""

    code = "unknown_plugin"


class UnknownCommand(NotFound):
    """Plugin {plugin!r} has no command {command!r}{hint} (it has {commands})."""

    code = "unknown_command"


class UnknownPipeline(NotFound):
    """No pipeline is named {pipeline!r}{hint} (GET /skills lists them)."""

    code = "unknown_pipeline"


class PluginUnusable(Unavailable):
    """Plugin {plugin!r} is {kind}: {reason}. Mend it, then POST /system/reload."""

    code = "plugin_unavailable"
    retry_after = 30


class InvalidPayload(BadRequest):
    """The payload does not fit the input schema of {plugin}.{command}: {first}."""

    code = "invalid_payload"


class BadEntry(BadRequest):
    """Pipeline {pipeline!r} cannot start with this payload: step {step!r}: {reason}."""

    code = "bad_entry"


class AcceptedRetry(Struct, frozen=True, kw_only=True):
    """The accepted job or run of a retry, and the id of the one that it repeats."""

    accepted: AcceptedJob
    retry_of: str


class Origin(Struct, frozen=True, kw_only=True):
    """The caller of a trigger, and the kind of trigger."""

    principal: str
    submitted_by: str
    request_id: str | None = None
    idempotency: Idempotency | None = None


class Options(Struct, frozen=True, kw_only=True):
    """The options of a trigger, beside its payload."""

    dedupe_key: str | None = None
    run_at: Millis | None = None
    priority: int = 0
    """-100 to 100; higher goes first."""
    route: bool = False
    """Whether events of a plain job start pipelines and routes."""


def find_plugin(snapshot: Snapshot, plugin: str) -> Plugin:
    """The plugin instance of this name that can run now. Raises UnknownPlugin (404) or PluginUnusable (503)."""
    found = snapshot.plugins.get(plugin)
    if found is None:
        unusable = snapshot.unusable.get(plugin)
        if unusable is not None:
            raise PluginUnusable(plugin=plugin, kind=unusable.kind, reason=unusable.reason)
        names = [*snapshot.plugins, *snapshot.unusable]
        raise UnknownPlugin(plugin=plugin, hint=did_you_mean(plugin, names))
    return found


def find_command(snapshot: Snapshot, plugin: str, command: str) -> Plugin:
    """The plugin instance that can run this command now.

    Raises UnknownPlugin, UnknownCommand (404) or PluginUnusable (503).
    """
    found = find_plugin(snapshot, plugin)
    if command not in found.manifest.commands:
        names = sorted(found.manifest.commands)
        raise UnknownCommand(
            plugin=plugin, command=command, hint=did_you_mean(command, names), commands=", ".join(names)
        )
    return found


def find_pipeline(snapshot: Snapshot, pipeline: str) -> Graph:
    """The pipeline of this name. Raises UnknownPipeline (404)."""
    graph = snapshot.pipelines.get(pipeline)
    if graph is None:
        raise UnknownPipeline(pipeline=pipeline, hint=did_you_mean(pipeline, snapshot.pipelines))
    return graph


def check_payload(plugin: Plugin, command: str, payload: Mapping[str, Any]) -> None:
    """Raise InvalidPayload (400) unless the payload fits the command's input schema."""
    validator = plugin.validators.get(command)
    invalid = validator(payload) if validator else ()
    if invalid:
        first = invalid[0]
        raise InvalidPayload(
            plugin=plugin.name,
            command=command,
            first=f"{first.path or 'the payload'}: {first.message}",
            errors=[{"path": one.path, "message": one.message, "schema_path": one.schema_path} for one in invalid],
        )


def submit_command(
    store: Store,
    snapshot: Snapshot,
    plugin: str,
    command: str,
    payload: Mapping[str, Any],
    *,
    options: Options,
    origin: Origin,
    job_id: str,
    now: Millis,
    dry_run: bool = False,
) -> Awaitable[AcceptedJob]:
    """Submit one job of a plugin command; returns after the commit. A dry run returns the same and submits nothing.

    Raises UnknownPlugin, UnknownCommand, PluginUnusable or InvalidPayload at once; the awaitable raises errors of the
    store (IdempotencyConflict, StoreUnavailable).
    """
    found = find_command(snapshot, plugin, command)
    check_payload(found, command, payload)
    event = _trigger_event(API_TRIGGER, payload, origin, now)
    start = plan_starts.plan_job(snapshot, plugin, command, event, _lineage(snapshot, options, origin), job_id=job_id)
    return _insert_root(store, start, dry_run=dry_run)


async def submit_pipeline(
    store: Store,
    snapshot: Snapshot,
    pipeline: str,
    payload: Mapping[str, Any],
    *,
    options: Options,
    origin: Origin,
    job_id: str,
    now: Millis,
    dry_run: bool = False,
) -> AcceptedJob:
    """Submit a run of a pipeline; returns after the commit. A dry run returns the same and submits nothing.

    Raises UnknownPipeline, BadEntry (an entry step's `if` or `baggage` cannot be decided on this payload), or what the
    store raises.
    """
    graph = find_pipeline(snapshot, pipeline)
    entry_steps(snapshot, pipeline, payload)
    event = _trigger_event(graph.on or graph.on_hook or API_TRIGGER, payload, origin, now)
    lineage = _lineage(snapshot, options, origin)
    start = plan_starts.plan_run(snapshot, graph, event, payload, lineage, run_id=job_id, new_id=new_id)
    return await _insert_root(store, start, dry_run=dry_run)


async def submit_retry(
    store: Store, snapshot: Snapshot, job_id: str, *, origin: Origin, new_job_id: str, dry_run: bool = False
) -> AcceptedRetry:
    """Submit an ended job, or the run that it is a step of, once more; returns after the commit.

    The new job or run has the same payload, priority and place in a chain of events, under the current configuration;
    dedupe keys do not count. Raises UnknownJob, JobUnfinished, PayloadGone, and what a trigger raises.
    """
    found = await store.root_with_event(job_id)
    if found is None:
        raise UnknownJob(job_id=job_id)
    job, event = found
    if job.state not in ENDED_STATES:
        raise JobUnfinished(job_id=job.id, status=job.state)
    if event is None:
        raise PayloadGone(job_id=job.id)
    start = _plan_rerun(snapshot, job, event, origin, new_job_id)
    store.check_capacity()
    return AcceptedRetry(accepted=await store.rerun(start, job.id, dry_run=dry_run), retry_of=job.id)


def _plan_rerun(snapshot: Snapshot, job: Job, event: Event, origin: Origin, new_job_id: str) -> Start:
    """The start of another job or run on the stored event of this one, which becomes its cause."""
    lineage = plan_starts.Lineage(
        principal=origin.principal,
        submitted_by=origin.submitted_by,
        request_id=origin.request_id,
        priority=job.priority,
        hops=job.hops,
        cause_event_id=event.id,
        route=job.route,
        idempotency=origin.idempotency,
    )
    try:
        payload = orjson.loads(snapshot.vault.open(event.payload))
    except Unsealable:
        raise PayloadGone(job_id=job.id) from None
    if job.plugin == PIPELINE_PLUGIN:
        entry_steps(snapshot, job.command, payload)
        graph = find_pipeline(snapshot, job.command)
        return plan_starts.plan_run(snapshot, graph, event, payload, lineage, run_id=new_job_id, new_id=new_id)
    found = find_command(snapshot, job.plugin, job.command)
    if event.type == API_TRIGGER:
        check_payload(found, job.command, payload)
    return plan_starts.plan_job(snapshot, job.plugin, job.command, event, lineage, job_id=new_job_id)


async def submit_event(
    store: Store,
    snapshot: Snapshot,
    event_type: str,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str | None,
    origin: Origin,
    now: Millis,
    dry_run: bool = False,
) -> AcceptedEvent:
    """Submit all pipelines and routes that a posted event starts, or none; returns after the commit.

    A payload that does not fit an input schema gives a warning on the attempt. Raises what the store raises.
    """
    key = None if dedupe_key is None else snapshot.pseudonym(dedupe_key)
    event = replace(_trigger_event(snapshot.pseudonym(event_type), payload, origin, now), dedupe_key=key)
    pipelines, undecided = pipelines_on_event(snapshot, event.type, event.source, payload, {})
    lineage = plan_starts.lineage_of_posted_event(
        event, principal=origin.principal, submitted_by=origin.submitted_by, request_id=origin.request_id
    )
    starts = plan_starts.starts_for_event(snapshot, event, payload, pipelines, lineage, new_id=new_id)
    store.check_capacity()
    return await store.post_event(
        event,
        starts,
        principal=origin.principal,
        notes=tuple(_undecided_note(event, reason) for reason in undecided),
        idempotency=origin.idempotency,
        dry_run=dry_run,
    )


def _insert_root(store: Store, start: Start, *, dry_run: bool) -> Awaitable[AcceptedJob]:
    store.check_capacity()
    return store.submit(start, dry_run=dry_run)


def _undecided_note(event: Event, reason: str) -> Note:
    return Note(kind=EntryKind.CONDITION_UNDECIDED, data={"event_id": event.id, "reason": reason})


def entry_steps(snapshot: Snapshot, pipeline: str, payload: Mapping[str, Any]) -> tuple[NextStep, ...]:
    """The first steps of a run with this payload. Raises UnknownPipeline, BadEntry."""
    steps = plan_starts.plan_entry(snapshot, find_pipeline(snapshot, pipeline), payload).steps
    for step in steps:
        if step.error is not None:
            raise BadEntry(pipeline=pipeline, step=step.node, reason=step.error)
    return steps


def _trigger_event(kind: str, payload: Mapping[str, Any], origin: Origin, now: Millis) -> Event:
    try:
        encoded = encode(payload)
    except Unencodable as error:
        raise BadRequest(reason=f"the payload cannot be carried: {error}") from error
    return Event(id=new_id(), type=kind, payload=encoded, source=origin.submitted_by, timestamp=now)


def _lineage(snapshot: Snapshot, options: Options, origin: Origin) -> plan_starts.Lineage:
    return plan_starts.Lineage(
        principal=origin.principal,
        submitted_by=origin.submitted_by,
        request_id=origin.request_id,
        priority=options.priority,
        route=options.route,
        run_at=options.run_at,
        dedupe_key=None if options.dedupe_key is None else snapshot.pseudonym(options.dedupe_key),
        idempotency=origin.idempotency,
    )
