"""What the store's readers return: rows as people and documents see them."""

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
    """The last attempt's `{status, result, error?, state_updates?}`; None before the first one ended."""
    logs: bytes | None
    """The last attempt's logs: a JSON array."""
    stdout: str | None
    stderr: str | None
    exit_code: int | None
    retry_of: str | None
    """The job or run that this one repeats."""
    events: tuple[Event, ...]
    """What the job emitted."""
    cause: Event | None
    """The event that started it, where one did; its `job_id` is the emitter."""
    started: tuple[tuple[str, str, str], ...] = ()
    """`(job id, plugin, command)` of the roots that its events started."""


class SkipView(Struct, frozen=True, kw_only=True):
    """A step that a run passed by, as the tree shows it."""

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
    """The id to continue below; None on the last page."""


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """When a schedule fires next, as the store keeps it."""

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


class LogRow(Struct, frozen=True, kw_only=True):
    """One ended attempt as `GET /job-logs` shows it. It stands alone: its job may be gone."""

    job_id: str
    attempt: int
    plugin: str
    command: str
    outcome: Outcome
    submitted_by: str
    created_at: Millis
    """When its job was made."""
    started_at: Millis
    ended_at: Millis
    error: str | None
    stderr: str | None
    result: bytes | None
    """Only where results were asked for, and there is one."""


class LogPage(Struct, frozen=True, kw_only=True):
    """A page of `GET /job-logs`, newest completion first."""

    rows: tuple[LogRow, ...]
    total: int
    total_capped: bool
    cursor: tuple[Millis, int] | None
    """The place to continue below: when the last row ended, and its row id. None on the last page."""
