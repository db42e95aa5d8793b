"""What is to be written: starts of jobs and runs, and the settlement of an attempt."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.job import Job, Outcome, State
from ductile.model.journal import Kind


class NewContext(Struct, frozen=True, kw_only=True):
    """A row of baggage: everything accumulated so far, and whose it extends."""

    id: str
    parent_id: str | None
    values: bytes
    """One JSON object."""


class Child(Struct, frozen=True, kw_only=True):
    """A step to insert below a job or a run's root. It is unique by (parent job, node, event)."""

    id: str
    step: str
    plugin: str
    command: str
    max_attempts: int
    event_id: str
    """The event that reached it: its payload."""
    context: NewContext | None
    """Its own baggage row, where it claimed something."""
    context_id: str | None
    """The baggage it sees: its own row's id, or the inherited one's."""
    depth: int
    """Steps from the run's start to here, this one included."""
    error: str | None = None
    """Why it fails without an attempt: it is inserted `failed`."""


class Skip(Struct, frozen=True, kw_only=True):
    """A step that a run passed by: a false condition, or the end of a branch at `max_depth`."""

    step: str
    reason: str
    """`condition` or `max_depth`."""
    condition: Mapping[str, Any] | None = None
    values: Mapping[str, Any] | None = None
    """Path → the value that the condition saw there."""


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
    """The event to store with it; None where `event_id` names one that is stored already."""
    event_id: str
    cause_event_id: str | None = None
    """The emitted event that started it."""
    definition: str | None = None
    definition_document: bytes | None = None
    max_attempts: int = 1
    priority: int = 0
    run_at: Millis | None = None
    """Not before this time; None is at once."""
    route: bool = False
    """Whether what it emits starts pipelines and routes."""
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
    """Why it is refused: it is inserted `failed` (a loop of events, a bad `with`)."""


class StateUpdate(Struct, frozen=True, kw_only=True):
    """What an attempt changes in its plugin instance's memory."""

    plugin: str
    values: Mapping[str, Any]
    fact_type: str | None = None
    """Set: the values are a full snapshot, appended to the facts and becoming the state. Unset: a shallow merge."""


class Note(Struct, frozen=True, kw_only=True):
    """A row of the journal: what happened, by ids, never payloads."""

    kind: Kind
    job_id: str | None = None
    data: Mapping[str, Any] | None = None


class Settlement(Struct, frozen=True, kw_only=True):
    """All that the end of one attempt changes, applied in one transaction or not at all."""

    job: Job
    """As it was claimed; its `attempt` is the one that ends."""
    outcome: Outcome
    state: State
    """What becomes of the job: an ended state, or `queued` for another attempt."""
    run_at: Millis | None = None
    """With `queued`: not before this time; None is at once."""
    started_at: Millis
    runner: str
    generation: int
    exit_code: int | None = None
    """The exit code, or minus the signal that killed it."""
    result: bytes | None = None
    """`{status, result, error?, state_updates?}`, redacted; None where there was no response."""
    error: str | None = None
    stdout: str | None = None
    """Kept only where it could not be read as a response."""
    stderr: str | None = None
    logs: bytes | None = None
    """A JSON array of `{level, message}`."""
    events: tuple[Event, ...] = ()
    children: tuple[Child, ...] = ()
    skips: tuple[Skip, ...] = ()
    starts: tuple[Start, ...] = ()
    """Pipelines and routes that its events start: new roots, caused by those events."""
    state_update: StateUpdate | None = None
    notes: tuple[Note, ...] = ()
