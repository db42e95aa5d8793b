"""The writing verbs of a store, each by its operation. A store runs operations with `write`, one transaction each."""

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from ductile.model.claims import Claims, Gate
from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.job import AcceptedEvent, AcceptedJob, State
from ductile.model.read_models import ScheduleRow
from ductile.model.writes import Idempotency, Note, PluginInit, Settlement, Start
from ductile.store import schedules
from ductile.store.cancel import cancel
from ductile.store.claim import claim
from ductile.store.lane_moves import hold_lane, promote, release
from ductile.store.meta import add_notes, set_paused
from ductile.store.plugin_init import begin_inits
from ductile.store.post_event import insert_posted_event
from ductile.store.purge import purge
from ductile.store.rerun import insert_rerun
from ductile.store.retention import trim_counts
from ductile.store.settle import settle
from ductile.store.start import insert_start
from ductile.store.transaction import Tx

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StoreWrites(ABC):
    """The verbs of `contract.Writes`."""

    @abstractmethod
    def write(self, operation: Callable[Concatenate[Tx, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Runs the operation on the writing thread; the answer comes after the commit, or is what it raised."""

    @abstractmethod
    def dry_run(
        self, operation: Callable[Concatenate[Tx, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """Runs the operation as `write` does and undoes it: only its answer is left."""

    @abstractmethod
    def expect_ready(self, lanes: Iterable[str]) -> None:
        """Tells the listeners that the write asked for last readies these lanes, ahead of its commit."""

    def submit(self, start: Start, *, dry_run: bool = False) -> Future[AcceptedJob]:
        """Starts a job or a run."""
        if dry_run:
            return self.dry_run(insert_start, start)
        if start.run_at is None:
            self.expect_ready(_lanes(start))
        return self.write(insert_start, start)

    def rerun(self, start: Start, rerun_of: str, *, dry_run: bool = False) -> Future[AcceptedJob]:
        """Starts again what has ended."""
        if dry_run:
            return self.dry_run(insert_rerun, start, rerun_of)
        self.expect_ready(_lanes(start))
        return self.write(insert_rerun, start, rerun_of)

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
        """Starts all that an event from outside leads to."""
        more: dict[str, Any] = {"principal": principal, "notes": notes, "idempotency": idempotency}
        if dry_run:
            return self.dry_run(insert_posted_event, event, starts, **more)
        self.expect_ready({lane for start in starts for lane in _lanes(start)})
        return self.write(insert_posted_event, event, starts, **more)

    def claim(self, free: Mapping[str, int], total: int, gate: Gate) -> Future[Claims]:
        """Starts attempts in lanes that have free slots."""
        return self.write(claim, free, total, gate)

    def settle(self, settlement: Settlement) -> Future[None]:
        """Ends an attempt."""
        writing = self.write(settle, settlement)
        self.expect_ready({child.plugin for child in settlement.children})
        return writing

    def cancel(self, job_id: str, *, dry_run: bool = False) -> Future[State]:
        """Cancels a job or a run."""
        return (self.dry_run if dry_run else self.write)(cancel, job_id)

    def purge(self, job_ids: Sequence[str], *, dry_run: bool = False) -> Future[int]:
        """Cancels those of the jobs that still wait."""
        return (self.dry_run if dry_run else self.write)(purge, job_ids)

    def promote(self) -> Future[Millis | None]:
        """Makes jobs claimable whose time has come."""
        return self.write(promote)

    def hold_lane(self, lane: str, reason: str) -> Future[int]:
        """Holds claimable jobs of a lane."""
        return self.write(hold_lane, lane, reason)

    def release(self, usable: Mapping[str, frozenset[str]]) -> Future[int]:
        """Queues held jobs again whose command is there."""
        return self.write(release, usable)

    def set_paused(self, *, paused: bool) -> Future[None]:
        """Keeps whether claiming is paused."""
        return self.write(set_paused, paused=paused)

    def add_notes(self, notes: Sequence[Note]) -> Future[None]:
        """Writes rows of the journal."""
        return self.write(add_notes, notes)

    def sync_schedules(self, first: Mapping[str, tuple[Millis, Millis]]) -> Future[list[ScheduleRow]]:
        """Keeps the schedules that are configured."""
        return self.write(schedules.sync_schedules, first)

    def reschedule(
        self, schedule_id: str, expected_due: Millis, base_at: Millis, due_at: Millis
    ) -> Future[ScheduleRow]:
        """Gives a schedule another due time."""
        return self.write(schedules.reschedule, schedule_id, expected_due, base_at, due_at)

    def fire(
        self, schedule_id: str, expected_due: Millis, base_at: Millis, due_at: Millis, start: Start
    ) -> Future[AcceptedJob | None]:
        """Moves a schedule on and starts its job."""
        return self.write(schedules.fire, schedule_id, expected_due, base_at, due_at, start)

    def begin_inits(self, inits: Sequence[PluginInit]) -> Future[list[AcceptedJob]]:
        """Starts the `init` of plugins that have changed."""
        return self.write(begin_inits, inits)

    def trim_counts(self) -> Future[None]:
        """Deletes kept counts of zero."""
        return self.write(trim_counts)


def _lanes(start: Start) -> Sequence[str]:
    """The lanes of the first jobs of a start."""
    return [child.plugin for child in start.children] if start.definition else (start.plugin,)
