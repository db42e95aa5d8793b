"""A trigger becomes jobs: the only way in.

Everything that starts work by name comes through here. The payload is checked against the manifest first; what is
returned is durable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest, NotFound, Unavailable
from ductile.flow import starts
from ductile.flow.match import started_by
from ductile.model.clock import Millis
from ductile.model.encode import Unencodable, encode
from ductile.model.event import API_TRIGGER, Event
from ductile.model.graph import Graph
from ductile.model.ids import new_id
from ductile.model.job import Accepted
from ductile.model.journal import Kind
from ductile.model.order import Idempotency, Note, Start
from ductile.model.snapshot import Plugin, Snapshot
from ductile.store.insert import insert_start
from ductile.store.received import Received, receive
from ductile.store.sqlite import Store


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Who asks, and through which door."""

    principal: str
    submitted_by: str
    request_id: str | None = None
    idempotency: Idempotency | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a trigger may say beside its payload."""

    dedupe_key: str | None = None
    run_at: Millis | None = None
    priority: int = 0
    """-100 to 100; higher goes first."""
    route: bool = False
    """Whether what a plain job emits starts pipelines and routes."""


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


async def submit_command(
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
) -> Accepted:
    """Make one job of a plugin command; returns after its commit.

    Raises UnknownPlugin, UnknownCommand, PluginUnusable, InvalidPayload, or what the store raises (IdempotencyConflict,
    StoreUnavailable).
    """
    found = find_command(snapshot, plugin, command)
    check_payload(found, command, payload)
    event = _event(API_TRIGGER, payload, origin, now)
    start = starts.job_start(snapshot, plugin, command, event, _lineage(options, origin), job_id=job_id)
    return await _insert(store, start)


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
) -> Accepted:
    """Start a run of a pipeline; returns after its commit.

    Raises UnknownPipeline, BadEntry (an entry step's `if` or `baggage` cannot be decided on this payload), or what the
    store raises.
    """
    graph = find_pipeline(snapshot, pipeline)
    entry_count(snapshot, pipeline, payload)
    event = _event(graph.on or graph.on_hook or API_TRIGGER, payload, origin, now)
    start = starts.run_start(snapshot, graph, event, payload, _lineage(options, origin), run_id=job_id, new_id=new_id)
    return await _insert(store, start)


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
) -> Received:
    """Start the pipelines and routes that an event from outside leads to, all or none; returns after the commit.

    An input schema that the payload breaks is noted on the attempt, as for any event. Raises what the store raises.
    """
    event = replace(_event(event_type, payload, origin, now), dedupe_key=dedupe_key)
    pipelines, undecided = started_by(snapshot, event.type, event.source, payload, {})
    lineage = starts.from_outside(
        event, principal=origin.principal, submitted_by=origin.submitted_by, request_id=origin.request_id
    )
    begun = starts.caused_by(snapshot, event, payload, pipelines, lineage, new_id=new_id)
    if not dry_run:
        store.soon({lane for start in begun for lane in _lanes(start)})
    return await (store.rehearse if dry_run else store.write)(
        receive,
        event,
        begun,
        principal=origin.principal,
        notes=tuple(_undecided(event, reason) for reason in undecided),
        idempotency=origin.idempotency,
    )


async def _insert(store: Store, start: Start) -> Accepted:
    if start.run_at is None:
        store.soon(_lanes(start))
    return await store.write(insert_start, start)


def _undecided(event: Event, reason: str) -> Note:
    return Note(kind=Kind.CONDITION_UNDECIDED, data={"event_id": event.id, "reason": reason})


def _lanes(start: Start) -> set[str]:
    """Where the first jobs of a start wait."""
    return {child.plugin for child in start.children} if start.definition else {start.plugin}


def entry_count(snapshot: Snapshot, pipeline: str, payload: Mapping[str, Any]) -> int:
    """How many steps a run begins with on this payload. Raises UnknownPipeline, BadEntry."""
    steps = starts.entry(snapshot, find_pipeline(snapshot, pipeline), payload).steps
    for step in steps:
        if step.error is not None:
            raise BadEntry(pipeline=pipeline, step=step.node, reason=step.error)
    return len(steps)


def _event(kind: str, payload: Mapping[str, Any], origin: Origin, now: Millis) -> Event:
    try:
        encoded = encode(payload)
    except Unencodable as error:
        raise BadRequest(reason=f"the payload cannot be carried: {error}") from error
    return Event(id=new_id(), type=kind, payload=encoded, source=origin.submitted_by, timestamp=now)


def _lineage(options: Options, origin: Origin) -> starts.Lineage:
    return starts.Lineage(
        principal=origin.principal,
        submitted_by=origin.submitted_by,
        request_id=origin.request_id,
        priority=options.priority,
        route=options.route,
        run_at=options.run_at,
        dedupe_key=options.dedupe_key,
        idempotency=origin.idempotency,
    )
