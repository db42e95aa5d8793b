"""A job, its states and the legal edges between them."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.event import Event

PIPELINE = "pipeline"
"""The `plugin` of a run's root job; its `command` is the pipeline's name."""


class State(StrEnum):
    """Where a job stands. `TRANSITIONS` holds the legal edges, and every SQL update guards them."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    DEAD = "dead"
    CANCELLED = "cancelled"


STATE_ALIASES: Mapping[str, State] = {"pending": State.QUEUED, "ok": State.SUCCEEDED, "error": State.FAILED}
"""Names of states that older clients use."""


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.DEAD, State.CANCELLED})
"""States that no job leaves."""

UNSUCCESSFUL = frozenset({State.FAILED, State.TIMED_OUT, State.DEAD, State.CANCELLED})
"""Ends that make the run around a job fail."""

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.HELD, State.CANCELLED}),
    State.RUNNING: ENDED | {State.QUEUED},
    State.HELD: frozenset({State.QUEUED, State.CANCELLED}),
    **{state: frozenset() for state in ENDED},
}

MAX_LOST = 3
"""A job's lost attempts requeue it this often; the next one ends it `dead`."""


class SubmittedBy(StrEnum):
    """Which kind of trigger made a root job; its children inherit it."""

    API = "api"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    WATCH = "watch"
    ROUTE = "route"
    HOOK = "hook"
    INIT = "init"


class Job(Struct, frozen=True, kw_only=True):
    """One durable unit of work, as its row tells it. `attempt - lost` attempts have counted against `max_attempts`."""

    id: str
    root_id: str
    parent_id: str | None
    plugin: str
    command: str
    lane: str
    state: State
    attempt: int
    lost: int
    max_attempts: int
    priority: int
    step: str | None
    definition: str | None
    depth: int
    hops: int
    route: bool
    principal: str
    submitted_by: str
    request_id: str | None
    context_id: str | None
    created_at: Millis
    started_at: Millis | None


class Claimed(Struct, frozen=True, kw_only=True):
    """A job whose new attempt is durable and is about to start, with all that its request needs."""

    job: Job
    event: Event
    """What it was given: the payload of a trigger, or the event that a step or a route passed on."""
    context: bytes
    """The accumulated baggage: one JSON object."""
    plugin_state: bytes
    """What the plugin instance remembers: one JSON object."""
    ready_at: Millis = 0
    """Since when it could have started."""


class Accepted(Struct, frozen=True, kw_only=True):
    """The answer to a trigger, given after its commit."""

    job_id: str
    status: State
    plugin: str
    command: str
    deduplicated: bool = False
    """An earlier job with the same dedupe key stands for this one."""
    replayed: bool = False
    """The same idempotency key had made this job before."""


class Ended(Struct, frozen=True, kw_only=True):
    """A root job or a run has ended: what lifecycle hooks look at, inside the transaction that ends it."""

    root: Job
    state: State
    ended_at: Millis
    plugin: str
    command: str
    attempt: int
    error: str | None
    candidates: tuple["EndedStep", ...] = ()
    """Of a run: its failed steps, oldest first; where none failed, its last steps. Empty for a plain job."""


class EndedStep(Struct, frozen=True, kw_only=True):
    """One step a hook may speak of."""

    job_id: str
    plugin: str
    command: str
    attempt: int
    error: str | None
