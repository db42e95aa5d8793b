"""The contract of a store: every verb that the rest of Ductile uses. `tests/conformance/store` runs it.

A write is queued as soon as its verb is called, in the order of the calls; its future is done after the commit. A write
that raises has changed nothing, and no other write is undone with it. Each raises `StoreUnavailable` where nothing can
be committed and `StoreClosed` once the store is closed. With `dry_run` the answer is the same and nothing is kept.

A read sees one state of the store, with every commit before it.
"""

from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from ductile.model.claims import Claims, Gate
from ductile.model.clock import Millis
from ductile.model.disk_space import DiskSpace
from ductile.model.event import Event
from ductile.model.filters import ALL_JOBS, AttemptFilter, JobFilter, WaitingFilter
from ductile.model.health import UnhealthyPlugin
from ductile.model.job import AcceptedEvent, AcceptedJob, EndedRoot, Job, State
from ductile.model.journal import JournalEntry
from ductile.model.notification import Notification
from ductile.model.read_models import AttemptPage, AttemptView, JobPage, JobView, ScheduleRow, SkipView
from ductile.model.statistics import Backlog, Recent
from ductile.model.writes import Idempotency, Note, PluginInit, Settlement, Start
from ductile.store.errors import StoreUnavailable

Hooks = Callable[[EndedRoot], Sequence[Start | Note]]
"""Asked inside the transaction that ends a root: what its lifecycle hooks start, and what is to be noted of them."""

CommitListener = Callable[[Sequence[Notification]], None]

BatchListener = Callable[[int, float | None], None]
"""Told of every batch: how many writes it had, and how many seconds its commit took; None where it failed."""

Enough = Callable[[], bool]
"""Asked between two slices of a trim, on the writing thread; true: the batch stops here."""


class TrimKind(StrEnum):
    """The kinds of rows that are deleted when they are old."""

    JOBS = "jobs"
    """Jobs by the time their root ended: a run's steps before it, and never any of an open run."""
    ATTEMPTS = "attempts"
    """Attempts, which outlive their jobs, with their full text."""
    JOURNAL = "journal"
    """Rows of the journal, but never the newest."""
    KEYS = "keys"
    """Idempotency keys that have expired; the time does not count."""


class IndexProgress(Struct, frozen=True, kw_only=True):
    """What one batch of the full-text index has done."""

    more: bool
    """Whether more attempts are to be indexed."""
    contended: bool
    """Whether other writes waited for the batch."""
    seconds: float
    """How long the write took."""


class Writes(Protocol):
    """The verbs that change something."""

    def submit(self, start: Start, *, dry_run: bool = False) -> Future[AcceptedJob]:
        """Starts a job or a run, unless its idempotency or dedupe key names one that is there.

        Raises `IdempotencyConflict`. A run is answered as queued, though its root runs from the first.
        """

    def post_event(
        self,
        event: Event,
        starts: Sequence[Start],
        *,
        principal: str,
        notes: Sequence[Note] = (),
        idempotency: Idempotency | None = None,
        dry_run: bool = False,
    ) -> Future[AcceptedEvent]:
        """Starts all that an event from outside leads to, and journals the event. Raises `EventKeyConflict`."""

    def rerun(self, start: Start, rerun_of: str, *, dry_run: bool = False) -> Future[AcceptedJob]:
        """Starts again what has ended. Raises `UnknownJob`, `JobUnfinished` and `IdempotencyConflict`."""

    def claim(self, free: Mapping[str, int], total: int, gate: Gate) -> Future[Claims]:
        """Starts at most `total` attempts, and in each lane at most as many as it has free slots.

        The best job of all lanes goes first: by priority, then by the time it became due, then by id. A job that its
        gate refuses becomes held and takes no slot.
        """

    def settle(self, settlement: Settlement) -> Future[None]:
        """Ends an attempt, with all that its end changes. Raises `Stale` and `StateTooLarge`."""

    def cancel(self, job_id: str, *, dry_run: bool = False) -> Future[State]:
        """Cancels a job or a run: `cancelled` where nothing runs, else `running` while its attempts are stopped.

        Raises `UnknownJob` and `JobFinished`.
        """

    def purge(self, job_ids: Sequence[str], *, dry_run: bool = False) -> Future[int]:
        """Cancels those of the jobs that still wait; returns how many."""

    def promote(self) -> Future[Millis | None]:
        """Makes jobs claimable whose time has come; returns when the next one is due, or None."""

    def hold_lane(self, lane: str, reason: str) -> Future[int]:
        """Holds at most `MAX_MOVED_JOBS` claimable jobs of a lane; returns how many."""

    def release(self, usable: Mapping[str, frozenset[str]]) -> Future[int]:
        """Queues at most `MAX_MOVED_JOBS` jobs again that were held as `PLUGIN_UNAVAILABLE`; returns how many.

        `usable`: plugin → the commands that are there.
        """

    def set_paused(self, *, paused: bool) -> Future[None]:
        """Keeps over restarts whether claiming is paused; a change is journalled."""

    def add_notes(self, notes: Sequence[Note]) -> Future[None]:
        """Writes rows of the journal, all of them or none."""

    def sync_schedules(self, first: Mapping[str, tuple[Millis, Millis]]) -> Future[list[ScheduleRow]]:
        """Keeps the schedules that are configured: schedule id → its first (due time before jitter, due time).

        A known schedule keeps its times, one that is not named is forgotten. Returns all.
        """

    def reschedule(
        self, schedule_id: str, expected_due: Millis, base_at: Millis, due_at: Millis
    ) -> Future[ScheduleRow]:
        """Gives a schedule another due time, if it still stands at the expected one; returns the schedule."""

    def fire(
        self, schedule_id: str, expected_due: Millis, base_at: Millis, due_at: Millis, start: Start
    ) -> Future[AcceptedJob | None]:
        """Moves a schedule on to its next due time and starts its job.

        None: it does not stand at the expected due time, or the job it started last has not ended (journalled).
        """

    def begin_inits(self, inits: Sequence[PluginInit]) -> Future[list[AcceptedJob]]:
        """Starts the `init` of each plugin whose hash has changed; returns what was started."""

    def trim(self, kind: TrimKind, before: Millis, enough: Enough) -> Future[int]:
        """Deletes a batch of rows that are older than a time; returns how many, 0 where none is left."""

    def trim_counts(self) -> Future[None]:
        """Deletes the kept counts that are zero."""

    def free_space(self, enough: Enough) -> Future[bool]:
        """Gives space of deleted rows back to the file system; returns whether more can be given back."""


class Reads(Protocol):
    """The verbs that read."""

    async def job(self, job_id: str) -> JobView | None:
        """One job with what it emitted, what started it and what it started; None where there is none."""

    async def root_with_event(self, job_id: str) -> tuple[Job, Event | None] | None:
        """The root of a job's run, or the job itself, and the event that started it; None where there is none."""

    async def tree(self, job_id: str) -> tuple[list[JobView], list[SkipView]]:
        """A job's whole run, root first and then its steps by age, and its skipped steps; empty where there is none."""

    async def jobs(self, wanted: JobFilter = ALL_JOBS) -> JobPage:
        """A page of jobs, newest first."""

    async def waiting_jobs(self, wanted: WaitingFilter, above: str, below: str, limit: int) -> list[str]:
        """The ids of the next waiting jobs between two ids, oldest first."""

    async def depth(self) -> dict[State, int]:
        """How many jobs stand in each state; every state is named."""

    async def running_jobs(self) -> list[Job]:
        """Every job with a running attempt, oldest first; roots of runs have none."""

    async def abandoned_jobs(self) -> list[Job]:
        """Every job with a running attempt whose owner, an earlier session, is gone; oldest first."""

    async def running_by_lane(self) -> dict[str, int]:
        """How many attempts of each lane run."""

    async def ready_lanes(self) -> frozenset[str]:
        """The lanes that have a claimable job."""

    async def attempts(self, job_id: str) -> list[AttemptView]:
        """The ended attempts of a job, oldest first."""

    async def logs(self, wanted: AttemptFilter, now: Millis) -> AttemptPage:
        """A page of ended attempts, newest first. A search finds whatever had ended when it began.

        Raises `LogsNotIndexed` where so much has ended lately that indexing takes long.
        """

    async def backlog(self) -> Backlog:
        """What waits and runs now."""

    async def recent(self, since: Millis) -> Recent:
        """What has become of the jobs that were submitted since a time, and of all that have not ended."""

    async def journal_after(self, after: int, limit: int) -> list[JournalEntry]:
        """The next rows of the journal behind a number, oldest first."""

    async def newest_entry(self) -> int:
        """The number of the journal's newest row; 0 while it is empty."""

    async def unhealthy(self) -> list[UnhealthyPlugin]:
        """The plugins whose last `init` or `health` has not succeeded, absent ones too; by name."""

    async def definition(self, definition_hash: str) -> bytes | None:
        """A compiled pipeline, by its hash."""

    async def is_paused(self) -> bool:
        """Whether claiming is paused."""


class Storage(Protocol):
    """The verbs about the store itself: its batches, its files and its space."""

    capacity_error: str | None
    """Why no new work is taken for want of space, while that is so; the disk guard sets it."""

    def check_capacity(self) -> None:
        """Called before new work is written. Raises `StorageFull`, `StorageLost` or `StorageDamaged`."""

    def on_commit(self, listener: CommitListener) -> None:
        """Calls the listener on the loop with the signals of each commit, before the commit's callers go on."""

    def include_view_for(self, wants_view: Callable[[str], bool]) -> None:
        """Adds the view of an ended job to its signal where `wants_view(job_id)`, which is asked on the thread."""

    def on_batch(self, listener: BatchListener) -> None:
        """Calls the listener on the loop with the size of each batch and the seconds of its commit."""

    def before_flush(self, listener: Callable[[], None]) -> None:
        """Calls the listener on the loop before queued writes go to the thread: what it writes joins their batch."""

    def flush_soon(self) -> None:
        """Calls the listeners of `before_flush` soon, although nothing was written."""

    def has_waiters(self) -> bool:
        """Whether other writes wait for the batch at work; asked on the writing thread."""

    async def index_logs(self) -> IndexProgress:
        """Writes one batch of the full-text index."""

    async def ping(self) -> None:
        """Returns once the writing thread has answered. Raises `StoreUnavailable`."""

    async def can_commit(self) -> bool:
        """Whether a write becomes durable now."""

    def fault(self) -> StoreUnavailable | None:
        """What is wrong with the files of the store, as the last commit, read or check has found it."""

    @property
    def lost(self) -> bool:
        """Whether the open files are no longer those at the paths."""

    def on_damage(self, notice: Callable[[], object]) -> None:
        """Calls back where damaged files or a failing disk are found, on any thread."""

    async def check_files(self) -> None:
        """Compares the open files with their paths, and checks the whole store where damage was found."""

    async def disk_space(self) -> DiskSpace:
        """How much space the state takes, and how much there is."""

    async def keep_reserve(self, space: DiskSpace) -> bool:
        """Makes the reserve, or deletes it where hardly any space is left; whether it did either. Raises OSError."""

    async def log_size(self) -> int:
        """Bytes of the write-ahead log."""

    async def close(self) -> None:
        """Writes what waits, then closes every connection and ends every thread."""


class Store(Writes, Reads, Storage, Protocol):
    """The durable queue."""
