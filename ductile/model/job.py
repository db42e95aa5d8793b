"""A job, its states and the legal edges between them."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.event import Event

PIPELINE_PLUGIN = "pipeline"
"""The `plugin` of a run's root job; its `command` is the pipeline's name."""


class State(StrEnum):
    """The state of a job. `TRANSITIONS` holds the legal edges, and every SQL update guards them."""

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
    """The outcome of one attempt."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"


ENDED_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.DEAD, State.CANCELLED})
"""Final states."""

WAITING_STATES = (State.QUEUED, State.HELD)
"""States of jobs that wait."""

UNSUCCESSFUL_STATES = frozenset({State.FAILED, State.TIMED_OUT, State.DEAD, State.CANCELLED})
"""Final states of a step that make its run fail."""

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.HELD, State.CANCELLED}),
    State.RUNNING: ENDED_STATES | {State.QUEUED},
    State.HELD: frozenset({State.QUEUED, State.CANCELLED}),
    **{state: frozenset() for state in ENDED_STATES},
}

MAX_LOST_ATTEMPTS = 3
"""Lost attempts after which a job is queued again; the next lost attempt ends the job `dead`."""


class SubmittedBy(StrEnum):
    """The kind of trigger of a root job, which its children inherit."""

    API = "api"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    WATCH = "watch"
    ROUTE = "route"
    HOOK = "hook"
    INIT = "init"


class Job(Struct, frozen=True, kw_only=True):
    """One durable unit of work. `attempt - lost` attempts count against `max_attempts`."""

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


class ClaimedJob(Struct, frozen=True, kw_only=True):
    """A job whose new attempt is durable and about to start, with the values that its request needs."""

    job: Job
    event: Event
    """The event of the job: the payload of a trigger, or the event that a step or a route passed on."""
    context: bytes
    """The accumulated baggage: one JSON object."""
    plugin_state: bytes
    """The state of the plugin instance: one JSON object."""
    ready_at: Millis = 0
    """The time since which the job could have started."""


class AcceptedJob(Struct, frozen=True, kw_only=True):
    """The answer to a trigger, given after its commit."""

    job_id: str
    status: State
    plugin: str
    command: str
    deduplicated: bool = False
    """Whether this is an earlier job with the same dedupe key."""
    replayed: bool = False
    """Whether an earlier request with the same idempotency key had made this job."""


class StartedJob(Struct, frozen=True, kw_only=True):
    """A root that a posted event started, or an earlier one that stands for it."""

    job_id: str
    plugin: str
    command: str
    deduplicated: bool


class AcceptedEvent(Struct, frozen=True, kw_only=True):
    """The answer to a posted event, given after its commit."""

    event_id: str
    started: tuple[StartedJob, ...]
    replayed: bool = False
    """Whether an earlier request with the same idempotency key had brought the event."""


class EndedRoot(Struct, frozen=True, kw_only=True):
    """An ended root job or run, as lifecycle hooks see it inside the transaction that ends it."""

    root: Job
    state: State
    ended_at: Millis
    plugin: str
    command: str
    attempt: int
    error: str | None
    candidates: tuple["EndedStep", ...] = ()
    """The failed steps of a run, oldest first; where none failed, its last steps. Empty for a plain job."""


class EndedStep(Struct, frozen=True, kw_only=True):
    """A step that a hook may report."""

    job_id: str
    plugin: str
    command: str
    attempt: int
    error: str | None
