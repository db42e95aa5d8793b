"""Values to write: starts of jobs and runs, and settlements of attempts."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.job import Job, Outcome, State
from ductile.model.journal import EntryKind


class NewContext(Struct, frozen=True, kw_only=True):
    """A row of baggage: all values accumulated so far, and the row that it extends."""

    id: str
    parent_id: str | None
    values: bytes
    """One JSON object."""


class Child(Struct, frozen=True, kw_only=True):
    """A step to insert below a job or a run's root; unique by (parent job, node, event)."""

    id: str
    step: str
    plugin: str
    command: str
    max_attempts: int
    event_id: str
    """The event that reached the step, with its payload."""
    context: NewContext | None
    """The step's own row of baggage, where it claimed values."""
    context_id: str | None
    """The row of baggage that the step sees: its own, or the inherited one."""
    depth: int
    """Steps from the run's start to here, this one included."""
    error: str | None = None
    """Why the step fails without an attempt: it is inserted `failed`."""


class Skip(Struct, frozen=True, kw_only=True):
    """A skipped step: its condition was false, or its branch ended at `max_depth`."""

    step: str
    reason: str
    """`condition` or `max_depth`."""
    condition: Mapping[str, Any] | None = None
    values: Mapping[str, Any] | None = None
    """Path → the value that the condition read there."""


class Idempotency(Struct, frozen=True, kw_only=True):
    """An `Idempotency-Key`, which belongs to (principal, method, path)."""

    principal: str
    method: str
    path: str
    key: str
    body_hash: str
    ttl: Millis


class Start(Struct, frozen=True, kw_only=True):
    """A root to insert: one plain job, or (where `definition` is set) a run with its entry steps."""

    id: str
    plugin: str
    command: str
    event: Event | None
    """The event to store with the root; None where the event `event_id` is stored already."""
    event_id: str
    cause_event_id: str | None = None
    """The emitted event that started the root."""
    definition: str | None = None
    definition_document: bytes | None = None
    max_attempts: int = 1
    priority: int = 0
    run_at: Millis | None = None
    """The earliest time of the first attempt; None is now."""
    route: bool = False
    """Whether emitted events start pipelines and routes."""
    hops: int = 0
    principal: str
    submitted_by: str
    request_id: str | None = None
    dedupe_key: str | None = None
    dedupe_ttl: Millis = 0
    generation: int = 0
    children: tuple[Child, ...] = ()
    skips: tuple[Skip, ...] = ()
    idempotency: Idempotency | None = None
    error: str | None = None
    """Why the root is refused: it is inserted `failed` (a loop of events, a bad `with`)."""


class PluginInit(Struct, frozen=True, kw_only=True):
    """The `init` of a plugin instance: its job is started where the hash is another than that of the last one."""

    plugin: str
    hash: str
    """Of the manifest, the entrypoint and the settings."""
    start: Start


MAX_STATE_BYTES = 1024 * 1024
"""Bytes that the state of one plugin instance may take, as JSON."""


class StateUpdate(Struct, frozen=True, kw_only=True):
    """A change of a plugin instance's state."""

    plugin: str
    values: Mapping[str, Any]
    fact_type: str | None = None
    """Set: the values are a full snapshot, added to the facts and replacing the state. Unset: a shallow merge."""


class Note(Struct, frozen=True, kw_only=True):
    """An entry to add to the journal: ids and small facts, never payloads."""

    kind: EntryKind
    job_id: str | None = None
    data: Mapping[str, Any] | None = None


class Settlement(Struct, frozen=True, kw_only=True):
    """All changes at the end of one attempt, applied in one transaction or not at all."""

    job: Job
    """The job as it was claimed; its `attempt` is the one that ends."""
    outcome: Outcome
    state: State
    """The job's next state: a final state, or `queued` for another attempt."""
    run_at: Millis | None = None
    """With `queued`: the earliest time of the next attempt; None is now."""
    started_at: Millis
    runner: str
    generation: int
    exit_code: int | None = None
    """The exit code, or minus the signal that killed it."""
    result: bytes | None = None
    """`{status, result, error?, state_updates?}`, redacted; None where there was no response."""
    error: str | None = None
    stdout: str | None = None
    """Stored only where it could not be read as a response."""
    stderr: str | None = None
    logs: bytes | None = None
    """A JSON array of `{level, message}`."""
    events: tuple[Event, ...] = ()
    children: tuple[Child, ...] = ()
    skips: tuple[Skip, ...] = ()
    starts: tuple[Start, ...] = ()
    """Roots of the pipelines and routes that the attempt's events start."""
    state_update: StateUpdate | None = None
    notes: tuple[Note, ...] = ()
