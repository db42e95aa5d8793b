"""The live end of the journal: each row is read and encoded once, however many clients follow.

A commit reports only that the journal grew. While clients follow, one task reads the new rows into a ring that all
followers take from, each at its own speed. A follower that begins in the past reads pages of the journal itself until
it has reached the ring; a follower that falls behind the ring gets a gap. Rows are numbered without gaps, so a
follower's place is one number, and nothing comes twice or is left out unseen.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import orjson
import structlog
from msgspec import Struct

from ductile.document.redactor import Redactor
from ductile.errors import Unavailable
from ductile.model.clock import rfc3339
from ductile.model.journal import EntryKind, JournalEntry
from ductile.model.notification import JOURNAL_GREW, Notification
from ductile.observe.errors import NoMoreEvents, TooManyFollowers

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
"""Seconds between two heartbeats to a follower."""
MAX_FOLLOWERS = 256
"""The most followers at once."""
MAX_RING_ROWS = 4096
"""Rows by which a live follower may be behind."""
PAGE_ROWS = 256
"""Rows of one read, and of one answer to a follower."""
READ_INTERVAL_SECONDS = 0.025
"""Seconds between two reads: rows that are committed meanwhile are read together and wake the followers once."""
STORE_RETRY_SECONDS = 1.0
"""Seconds to wait where the store cannot be read."""

STATUS_AFTER_KIND: Mapping[str, str] = {
    EntryKind.JOB_STARTED: "running",
    EntryKind.JOB_REQUEUED: "queued",
    EntryKind.JOB_HELD: "held",
}
"""Kind of row → the state of its job then; the row of a job's end names the state itself."""


class Journal(Protocol):
    """The part of the store that the feed needs."""

    async def journal_after(self, after: int, limit: int) -> list[JournalEntry]:
        """The next rows behind a number, oldest first."""

    async def newest_entry(self) -> int:
        """The number of the newest row; 0 while there is none."""

    def on_commit(self, listener: Callable[[Sequence[Notification]], None]) -> None:
        """Call back on the loop with the signals of each commit."""


class FeedItem(Struct, frozen=True):
    """An encoded row."""

    seq: int
    kind: str
    document: bytes
    """One JSON object, redacted: `{id, type, at, …}`."""
    event_type: str | None = None
    """The type of a posted event."""


class Gap(Struct, frozen=True):
    """Rows that a follower does not get."""

    missed_from: int | None
    missed_to: int | None
    """The last missed row; None where it is unknown, since the follower's position was in another journal."""
    reason: str
    """`slow_reader`, `retention` or `unknown_id`."""


class EventFeed:
    """Reads new rows while clients follow. `redactor` returns that of the current snapshot."""

    def __init__(
        self,
        journal: Journal,
        redactor: Callable[[], Redactor],
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        max_followers: int = MAX_FOLLOWERS,
        max_ring_rows: int = MAX_RING_ROWS,
        read_interval: float = READ_INTERVAL_SECONDS,
    ) -> None:
        self.journal = journal
        self.changed = asyncio.Event()
        """Set once there are new items; then replaced by another event."""
        self.ring_start = 0
        """The ring holds the rows behind this one."""
        self.closed = False
        """Whether the ring has ended."""
        self.task: asyncio.Task[None] | None = None
        """The running task; it ends with `stop`, or by a failure that the app must see."""
        self._redactor = redactor
        self._heartbeat_seconds = heartbeat_seconds
        self._max_followers = max_followers
        self._max_ring_rows = max_ring_rows
        self._read_interval = read_interval
        self._followers: set[Follower] = set()
        self._ring: list[FeedItem] = []
        self._newest_read: int | None = None
        """The newest row that was read; None without followers."""
        self._journal_grew = asyncio.Event()
        self._stopping = asyncio.Event()
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        journal.on_commit(self._on_notifications)

    @property
    def follower_count(self) -> int:
        """The number of followers."""
        return len(self._followers)

    async def start(self) -> None:
        """Start to read for followers."""
        self.task = asyncio.create_task(self._run(), name="journal feed")

    def apply(self, _old: object, _new: object) -> None:
        """Follow a reload: wake the followers, some of which may have lost their scope."""
        self._wake_followers()

    async def stop(self) -> None:
        """Read the last rows, then end every follower."""
        self._stopping.set()
        self._journal_grew.set()
        if self.task is not None:
            await asyncio.wait({self.task})
        self.closed = True
        self._wake_followers()

    def followers_of(self, principal_id: str) -> int:
        """The number of followers of one principal."""
        return sum(one.principal_id == principal_id for one in self._followers)

    async def follow(self, after: int | None, principal_id: str = "") -> "Follower":
        """Follow from behind this row, or from now on. Raises NoMoreEvents, TooManyFollowers, StoreUnavailable."""
        if self._stopping.is_set():
            raise NoMoreEvents
        if len(self._followers) >= self._max_followers:
            raise TooManyFollowers(limit=self._max_followers)
        follower = Follower(self, principal_id)
        self._followers.add(follower)
        try:
            newest = await self.journal.newest_entry()
        except BaseException:
            self.remove(follower)
            raise
        follower.start_at(after, newest)
        if self._newest_read is None:
            self._newest_read = self.ring_start = newest
            self._journal_grew.set()  # rows that were committed since have not been reported
            self._schedule_heartbeat()
        return follower

    def remove(self, follower: "Follower") -> None:
        """Remove a follower; without followers nothing is read."""
        self._followers.discard(follower)
        if not self._followers:
            self._newest_read = None
            self._ring.clear()
            if self._heartbeat_timer is not None:
                self._heartbeat_timer.cancel()
                self._heartbeat_timer = None

    def items_after(self, seq: int) -> Sequence[FeedItem]:
        """The next rows of the ring behind this one, at most a page."""
        first = bisect_right(self._ring, seq, key=lambda item: item.seq)
        return self._ring[first : first + PAGE_ROWS]

    def encode_item(self, entry: JournalEntry) -> FeedItem:
        """Redact and encode a row."""
        row = entry_document(entry)
        return FeedItem(entry.seq, entry.kind, orjson.dumps(self._redactor().value(row)), row.get("event_type"))

    # ------------------------------------------------------------------ reading

    def _on_notifications(self, signals: Sequence[Notification]) -> None:
        if self._newest_read is not None and JOURNAL_GREW in signals:
            self._journal_grew.set()

    async def _run(self) -> None:
        while True:
            await self._journal_grew.wait()
            self._journal_grew.clear()
            last = self._stopping.is_set()
            wait = self._read_interval
            try:
                await self._read_rows()
            except Unavailable as unavailable:
                log.error("followers of the journal wait for the store", reason=unavailable.message)
                self._journal_grew.set()
                wait = STORE_RETRY_SECONDS
            if last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    async def _read_rows(self) -> None:
        while (head := self._newest_read) is not None:
            page = await self.journal.journal_after(head, PAGE_ROWS)
            if self._newest_read != head or not page:  # all have left, or nothing is new
                return
            self._ring += [self.encode_item(entry) for entry in page]
            self._newest_read = page[-1].seq
            if len(self._ring) > self._max_ring_rows:
                surplus = len(self._ring) - self._max_ring_rows
                self.ring_start = self._ring[surplus - 1].seq
                del self._ring[:surplus]
            self._wake_followers()

    def _wake_followers(self) -> None:
        old, self.changed = self.changed, asyncio.Event()
        old.set()

    def _schedule_heartbeat(self) -> None:
        self._heartbeat_timer = asyncio.get_running_loop().call_later(self._heartbeat_seconds, self._send_heartbeat)

    def _send_heartbeat(self) -> None:
        self._wake_followers()
        self._schedule_heartbeat()


class Follower:
    """A follower and its position. Iterate: rows and gaps in order; an empty answer is a heartbeat."""

    def __init__(self, feed: EventFeed, principal_id: str = "") -> None:
        self.principal_id = principal_id
        self.position = 0
        """The last row that was handed out."""
        self._feed = feed
        self._gap: Gap | None = None
        self._in_ring = False

    def start_at(self, after: int | None, newest: int) -> None:
        """Start behind this row, or behind the newest row."""
        self._in_ring = after is None
        self.position = newest if after is None else min(after, newest)
        if after is not None and after > newest:
            self._gap = Gap(None, None, "unknown_id")

    async def aclose(self) -> None:
        """Stop following."""
        self._feed.remove(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[FeedItem | Gap]:
        """The next rows and gaps, once there are any; empty for a heartbeat or a reload."""
        while True:
            changed = self._feed.changed  # taken before the read, so that no row is missed
            items = await self._next_items()
            if items:
                return items
            if self._feed.closed:
                raise StopAsyncIteration
            await changed.wait()
            if not self._feed.closed and not self._feed.items_after(self.position):
                return ()

    async def _next_items(self) -> Sequence[FeedItem | Gap]:
        if self._gap is not None:
            gap, self._gap = self._gap, None
            return (gap,)
        feed = self._feed
        if self.position >= feed.ring_start:
            self._in_ring = True
            return self._mark_gaps(feed.items_after(self.position))
        if self._in_ring:
            gap = Gap(self.position + 1, feed.ring_start, "slow_reader")
            self.position = feed.ring_start
            return (gap,)
        return self._mark_gaps(
            [feed.encode_item(entry) for entry in await feed.journal.journal_after(self.position, PAGE_ROWS)]
        )

    def _mark_gaps(self, items: Sequence[FeedItem]) -> Sequence[FeedItem | Gap]:
        """The rows, with a gap before each row that does not follow the one before."""
        if not items or items[-1].seq - self.position == len(items):
            marked: Sequence[FeedItem | Gap] = items
        else:
            marked = []
            position = self.position
            for item in items:
                if item.seq > position + 1:
                    marked.append(Gap(position + 1, item.seq - 1, "retention"))
                marked.append(item)
                position = item.seq
        if items:
            self.position = items[-1].seq
        return marked


def entry_document(entry: JournalEntry) -> dict[str, Any]:
    """The document of a row: common members, those of its job, and those of its kind."""
    data: dict[str, Any] = orjson.loads(entry.data) if entry.data else {}
    row: dict[str, Any] = {"id": entry.seq, "type": entry.kind, "at": rfc3339(entry.at)}
    if entry.job_id is not None:
        row |= {
            "job_id": entry.job_id,
            "root_job_id": entry.root_id,
            "parent_job_id": entry.parent_id,
            "plugin": entry.plugin,
            "command": entry.command,
            "step": entry.step,
        }
        status = data.pop("state", None) or STATUS_AFTER_KIND.get(entry.kind)
        if status is not None:
            row["status"] = status
    if "due_at" in data:
        data["due_at"] = rfc3339(data["due_at"])
    return {**row, **data}
