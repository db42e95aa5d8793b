"""What an operation works with: one batch of writes, or one read transaction. No cursor of a database leaves them."""

from collections.abc import Mapping
from typing import Any, Protocol

from ductile.model.clock import Millis
from ductile.model.job import State
from ductile.model.journal import EntryKind
from ductile.model.notification import Notification
from ductile.store.contract import Hooks

Row = tuple[Any, ...]


class RowReader(Protocol):
    """A read transaction, or a batch of writes: it sees one state of the store."""

    def rows(self, name: str, **values: Any) -> list[Row]:
        """Every row of a named query."""

    def row(self, name: str, **values: Any) -> Row | None:
        """The first row of a named query; None where it has none."""


class Tx(RowReader, Protocol):
    """One batch, as its operations see it. Notifications and counts are noted, and go out with the commit."""

    hooks: Hooks | None
    """Asked for what the end of a root starts."""
    owner: str
    """The session of this process: its claims own the attempts that they start."""
    now: Millis
    """The time of the batch."""

    def execute(self, name: str, **values: Any) -> int:
        """Runs a named query without rows; returns how many rows it changed."""

    def insert_deferred(self, name: str, **values: Any) -> None:
        """Writes a row by a `rows` query, ahead of the next other statement, at the latest with the commit.

        A row that is not written raises `Stale` there.
        """

    def notify(self, notification: Notification) -> None:
        """Tells the process something once the batch is committed."""

    def notify_ready(self, lane: str) -> None:
        """Tells the process once the batch is committed that a lane has a claimable job."""

    def count_jobs(self, plugin: str, command: str, state: State, n: int) -> None:
        """Adds to how many jobs of a command stand in a state."""

    def count_transition(self, plugin: str, command: str, before: State, after: State) -> None:
        """Counts a job over from one state to another."""

    def journal(self, kind: EntryKind, job_id: str | None = None, data: Mapping[str, Any] | None = None) -> None:
        """Writes a row of the journal: ids, never payloads."""
