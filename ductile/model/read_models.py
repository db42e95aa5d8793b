"""Values that the store's reads return."""

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.job import Outcome, State


class JobView(Struct, frozen=True, kw_only=True):
    """A job as `GET /job/{id}` and the tree show it."""

    id: str
    root_id: str
    parent_id: str | None
    plugin: str
    command: str
    lane: str | None
    """None for a run's root, which is never claimed."""
    state: State
    held_reason: str | None
    step: str | None
    attempt: int
    lost: int
    max_attempts: int
    priority: int
    run_at: Millis | None
    principal: str
    submitted_by: str
    request_id: str | None
    hops: int
    definition: str | None
    generation: int
    cancel_at: Millis | None
    created_at: Millis
    started_at: Millis | None
    ended_at: Millis | None
    error: str | None
    result: bytes | None
    """The last attempt's `{status, result, error?, state_updates?}`; None before the first attempt has ended."""
    logs: bytes | None
    """The last attempt's logs: a JSON array."""
    stdout: str | None
    stderr: str | None
    exit_code: int | None
    retry_of: str | None
    """The job or run that this one repeats."""
    events: tuple[Event, ...]
    """The events that the job emitted."""
    cause: Event | None
    """The event that started the job, if any; its `job_id` is the emitter."""
    started: tuple[tuple[str, str, str], ...] = ()
    """`(job id, plugin, command)` of the roots that its events started."""


class SkipView(Struct, frozen=True, kw_only=True):
    """A skipped step, as the tree shows it."""

    parent_id: str
    step: str
    reason: str
    condition: bytes | None
    values: bytes | None


class JobRow(Struct, frozen=True, kw_only=True):
    """A line of `GET /jobs`."""

    id: str
    plugin: str
    command: str
    state: State
    attempt: int
    created_at: Millis
    started_at: Millis | None
    ended_at: Millis | None
    parent_id: str | None
    lane: str | None
    run_at: Millis
    held_reason: str | None
    cancel_at: Millis | None


class JobPage(Struct, frozen=True, kw_only=True):
    """A page of `GET /jobs`, newest first."""

    rows: tuple[JobRow, ...]
    total: int
    total_capped: bool
    cursor: str | None
    """The id below which the next page begins; None on the last page."""


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """The stored due time of a schedule."""

    id: str
    """`<plugin>/<schedule id>`."""
    base_at: Millis
    """The due time before jitter."""
    due_at: Millis
    last_job_id: str | None


class AttemptView(Struct, frozen=True, kw_only=True):
    """One ended attempt of a job."""

    attempt: int
    outcome: Outcome
    runner: str
    generation: int
    started_at: Millis
    ended_at: Millis
    exit_code: int | None
    result: bytes | None
    error: str | None
    stdout: str | None
    stderr: str | None
    logs: bytes | None
    plugin: str
    command: str


class AttemptRow(Struct, frozen=True, kw_only=True):
    """One ended attempt as `GET /job-logs` shows it; its job may have been trimmed."""

    job_id: str
    attempt: int
    plugin: str
    command: str
    outcome: Outcome
    submitted_by: str
    created_at: Millis
    """Creation time of the job."""
    started_at: Millis
    ended_at: Millis
    error: str | None
    stderr: str | None
    result: bytes | None
    """None unless results were asked for and the attempt has one."""


class AttemptPage(Struct, frozen=True, kw_only=True):
    """A page of `GET /job-logs`, newest completion first."""

    rows: tuple[AttemptRow, ...]
    total: int
    total_capped: bool
    cursor: tuple[Millis, int] | None
    """The position below which the next page begins: end and row id of the last row. None on the last page."""
