"""A store without its thread: operations run one after the other on a connection, each in a commit of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from ductile.model.claims import Claims
from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.ids import new_id
from ductile.model.job import PIPELINE_PLUGIN, AcceptedJob, ClaimedJob, Job, Outcome, State
from ductile.model.notification import JOURNAL_GREW, Notification
from ductile.model.writes import Child, Settlement, Start
from ductile.store.claim import claim
from ductile.store.contract import Hooks
from ductile.store.errors import Stale
from ductile.store.retention import trim_counts, trim_jobs, trim_journal, trim_keys
from ductile.store.settle import settle
from ductile.store.sqlite.database import open_database
from ductile.store.sqlite.space import trim_attempts
from ductile.store.sqlite.transaction import SqliteTransaction
from ductile.store.start import insert_start

P = ParamSpec("P")
T = TypeVar("T")

MANY = 1000


class SqliteHarness:
    """The write operations, with a clock that stands until it is moved."""

    def __init__(self, path: Path, hooks: Hooks | None = None) -> None:
        self.path = path
        self.hooks = hooks
        self.now = 1_000_000
        self.signals: list[Notification] = []
        self.open()

    def open(self) -> None:
        self.connection = open_database(self.path)
        self.connection.execute("PRAGMA synchronous = OFF")  # no power is cut here, and it is four times faster
        self.tx = SqliteTransaction(self.connection, self.hooks)

    def close(self) -> None:
        self.connection.close()

    def do(self, operation: Callable[Concatenate[SqliteTransaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one operation and commit; `signals` are those of this commit."""
        self.tx.begin(self.now)
        try:
            result = operation(self.tx, *args, **kwargs)
            self.tx.flush_deferred()
        except BaseException:
            self.tx.rollback()
            raise
        self.signals = [signal for signal in self.tx.commit() if signal is not JOURNAL_GREW]
        return result

    def insert(self, order: Start) -> AcceptedJob:
        return self.do(insert_start, order)

    def claim(self, free: dict[str, int], total: int = MANY, gate: Callable[[Job], str | None] | None = None) -> Claims:
        return self.do(claim, free, total, gate or (lambda _job: None))

    def claim_one(self, lane: str) -> ClaimedJob:
        (claimed,) = self.claim({lane: 1}).claimed
        return claimed

    def settle(self, job: Job, state: State = State.SUCCEEDED, **more: Any) -> bool:
        """False: it came too late."""
        try:
            self.do(settle, settlement(job, state, **more))
        except Stale:
            return False
        return True

    def row(self, job_id: str) -> dict[str, Any]:
        cursor = self.connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,))
        found = cursor.fetchone()
        assert found is not None, f"no job {job_id}"
        return dict(zip((column[0] for column in cursor.description), found, strict=True))

    def state(self, job_id: str) -> str:
        return str(self.row(job_id)["state"])

    def all(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, args).fetchall()

    def counts_are_true(self) -> bool:
        kept = self.all("SELECT plugin, command, state, n FROM counts WHERE n <> 0 ORDER BY 1, 2, 3")
        return kept == self.all("SELECT plugin, command, state, count(*) FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")


def event(**more: Any) -> Event:
    return Event(**{"id": new_id(), "type": "x", "payload": b"{}", "source": "", "timestamp": 1, **more})


def start(plugin: str = "echo", command: str = "poll", **more: Any) -> Start:
    given = more.pop("event", None) or event()
    return Start(
        **{
            "id": new_id(),
            "plugin": plugin,
            "command": command,
            "event": given,
            "event_id": given.id,
            "principal": "token:t",
            "submitted_by": "api",
            "max_attempts": 4,
            **more,
        }
    )


def child(step: str, event_id: str, plugin: str = "echo", **more: Any) -> Child:
    return Child(
        **{
            "id": new_id(),
            "step": step,
            "plugin": plugin,
            "command": "handle",
            "max_attempts": 4,
            "event_id": event_id,
            "context": None,
            "context_id": None,
            "depth": 1,
            **more,
        }
    )


def run(*steps: str, name: str = "flow", **more: Any) -> Start:
    """A run with an entry step for each name, on the lane `echo`."""
    given = event()
    return start(
        PIPELINE_PLUGIN,
        name,
        **{
            "event": given,
            "definition": "d" * 64,
            "definition_document": b"{}",
            "children": tuple(child(step, given.id) for step in steps),
            **more,
        },
    )


def settlement(job: Job, state: State = State.SUCCEEDED, **more: Any) -> Settlement:
    usual = {
        State.SUCCEEDED: Outcome.SUCCEEDED,
        State.CANCELLED: Outcome.CANCELLED,
        State.TIMED_OUT: Outcome.TIMED_OUT,
    }
    return Settlement(
        **{
            "job": job,
            "outcome": usual.get(state, Outcome.FAILED),
            "state": state,
            "started_at": 1,
            "runner": "spawn",
            "generation": 1,
            **more,
        }
    )


def trim(tx: SqliteTransaction, *, jobs_before: Millis, attempts_before: Millis, limit: int = 100) -> int:
    """Everything old in one batch; a batch of jobs stops as soon as so many slices or roots are gone."""
    asked = iter(range(limit - 1))
    deleted = trim_jobs(tx, jobs_before, lambda: next(asked, None) is None)
    deleted += trim_attempts(tx, attempts_before, lambda: False)
    deleted += trim_journal(tx, attempts_before, lambda: False)
    deleted += trim_keys(tx, tx.now, lambda: False)
    trim_counts(tx)
    return deleted
