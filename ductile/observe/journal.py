"""The live end of the journal: however many follow it, each row is read and encoded once.

A commit says only that the journal grew. While somebody follows, one task reads the new rows into a ring that all
followers take from, each at its own pace. A follower that begins in the past reads pages of the journal itself until it
has reached the ring; one that falls behind the ring is told what it missed. Rows are numbered without gaps, so a
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
from ductile.model.journal import Entry, Kind
from ductile.model.signal import JOURNALLED, Signal
from ductile.observe.errors import NoMoreEvents, TooManyFollowers

log = structlog.get_logger(__name__)

HEARTBEAT = 15.0
"""Seconds between two signs of life to a follower."""
FOLLOWERS = 256
"""Followers at once, at most."""
RING = 4096
"""Rows that a follower may be behind while it listens."""
PAGE = 256
"""Rows of one read, and of one answer to a follower."""
PACE = 0.025
"""Seconds between two reads: what is committed meanwhile is read together, and wakes the followers once."""
STORE_RETRY_SECONDS = 1.0
"""Seconds to wait where the store cannot be read."""

STATUS: Mapping[str, str] = {Kind.JOB_STARTED: "running", Kind.JOB_REQUEUED: "queued", Kind.JOB_HELD: "held"}
"""Where a job stands after a row of this kind; the row of its end says it itself."""


class Journal(Protocol):
    """What the feed asks of the store."""

    async def journal_after(self, after: int, limit: int) -> list[Entry]:
        """The next rows behind a number, oldest first."""

    async def newest_entry(self) -> int:
        """The number of the newest row; 0 while there is none."""

    def on_commit(self, listener: Callable[[Sequence[Signal]], None]) -> None:
        """Call back on the loop with the signals of each commit."""


class Item(Struct, frozen=True):
    """A row, ready to be sent."""

    seq: int
    kind: str
    document: bytes
    """One JSON object, redacted: `{id, type, at, …}`."""
    event_type: str | None = None
    """Of an event that was posted: its own type."""


class Gap(Struct, frozen=True):
    """Rows that a follower does not get."""

    missed_from: int | None
    missed_to: int | None
    """The last one missed; None where nobody knows, since the follower's place was in another journal."""
    reason: str
    """`slow_reader`, `retention` or `unknown_id`."""


class Feed:
    """Reads what is new while somebody follows. The redactor is that of the snapshot which serves then."""

    def __init__(
        self,
        journal: Journal,
        redactor: Callable[[], Redactor],
        *,
        heartbeat: float = HEARTBEAT,
        followers: int = FOLLOWERS,
        ring: int = RING,
        pace: float = PACE,
    ) -> None:
        self.journal = journal
        self.news = asyncio.Event()
        """Set once there is something to look at; another one stands here then."""
        self.floor = 0
        """The ring holds what is newer than this row."""
        self.closed = False
        """The ring will not grow any more."""
        self.task: asyncio.Task[None] | None = None
        """The reading itself, once started; it ends with `stop`, or by a failure that the app must see."""
        self._redactor = redactor
        self._heartbeat = heartbeat
        self._most = followers
        self._size = ring
        self._pace = pace
        self._followers: set[Follower] = set()
        self._ring: list[Item] = []
        self._head: int | None = None
        """The newest row that was read; None while nobody follows."""
        self._grew = asyncio.Event()
        self._stopping = asyncio.Event()
        self._beat: asyncio.TimerHandle | None = None
        journal.on_commit(self._heard)

    @property
    def following(self) -> int:
        """How many follow now."""
        return len(self._followers)

    async def start(self) -> None:
        """Begin to read for whoever follows."""
        self.task = asyncio.create_task(self._run(), name="journal feed")

    def apply(self, _old: object, _new: object) -> None:
        """Follow a reload: wake the followers, of which some may have lost their right to be here."""
        self._tell()

    async def stop(self) -> None:
        """Read once more what there is, then let every follower come to its end."""
        self._stopping.set()
        self._grew.set()
        if self.task is not None:
            await asyncio.wait({self.task})
        self.closed = True
        self._tell()

    def following_as(self, principal_id: str) -> int:
        """How many clients of one principal follow now."""
        return sum(one.principal_id == principal_id for one in self._followers)

    async def follow(self, after: int | None, principal_id: str = "") -> "Follower":
        """Follow from behind this row, or from now on. Raises NoMoreEvents, TooManyFollowers, StoreUnavailable."""
        if self._stopping.is_set():
            raise NoMoreEvents
        if len(self._followers) >= self._most:
            raise TooManyFollowers(limit=self._most)
        follower = Follower(self, principal_id)
        self._followers.add(follower)
        try:
            newest = await self.journal.newest_entry()
        except BaseException:
            self.leave(follower)
            raise
        follower.begin(after, newest)
        if self._head is None:
            self._head = self.floor = newest
            self._grew.set()  # what was committed since was not listened for
            self._arm()
        return follower

    def leave(self, follower: "Follower") -> None:
        """Follow no more; the last one leaves nothing to do behind."""
        self._followers.discard(follower)
        if not self._followers:
            self._head = None
            self._ring.clear()
            if self._beat is not None:
                self._beat.cancel()
                self._beat = None

    def after(self, seq: int) -> Sequence[Item]:
        """The next rows of the ring behind this one, a page at most."""
        first = bisect_right(self._ring, seq, key=lambda item: item.seq)
        return self._ring[first : first + PAGE]

    def item(self, entry: Entry) -> Item:
        """A row as it is sent."""
        shown = document(entry)
        return Item(entry.seq, entry.kind, orjson.dumps(self._redactor().value(shown)), shown.get("event_type"))

    # ------------------------------------------------------------------ reading

    def _heard(self, signals: Sequence[Signal]) -> None:
        if self._head is not None and JOURNALLED in signals:
            self._grew.set()

    async def _run(self) -> None:
        while True:
            await self._grew.wait()
            self._grew.clear()
            last = self._stopping.is_set()
            wait = self._pace
            try:
                await self._read()
            except Unavailable as unavailable:
                log.error("followers of the journal wait for the store", reason=unavailable.message)
                self._grew.set()
                wait = STORE_RETRY_SECONDS
            if last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    async def _read(self) -> None:
        while (head := self._head) is not None:
            page = await self.journal.journal_after(head, PAGE)
            if self._head != head or not page:  # all have left, or nothing is new
                return
            self._ring += [self.item(entry) for entry in page]
            self._head = page[-1].seq
            if len(self._ring) > self._size:
                surplus = len(self._ring) - self._size
                self.floor = self._ring[surplus - 1].seq
                del self._ring[:surplus]
            self._tell()

    def _tell(self) -> None:
        old, self.news = self.news, asyncio.Event()
        old.set()

    def _arm(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(self._heartbeat, self._tick)

    def _tick(self) -> None:
        self._tell()
        self._arm()


class Follower:
    """One who follows, and its place. Iterate: rows and gaps in order, or nothing, which is a sign of life."""

    def __init__(self, feed: Feed, principal_id: str = "") -> None:
        self.principal_id = principal_id
        self.at = 0
        """The row up to which all was handed out."""
        self._feed = feed
        self._gap: Gap | None = None
        self._live = False

    def begin(self, after: int | None, newest: int) -> None:
        """Take a place: behind this row, or behind the newest one."""
        self._live = after is None
        self.at = newest if after is None else min(after, newest)
        if after is not None and after > newest:
            self._gap = Gap(None, None, "unknown_id")

    async def aclose(self) -> None:
        """Leave."""
        self._feed.leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Item | Gap]:
        """What comes next, once it is there; empty where only the time of a heartbeat, or a reload, has come."""
        while True:
            news = self._feed.news  # before looking, so that nothing comes unseen between
            found = await self._look()
            if found:
                return found
            if self._feed.closed:
                raise StopAsyncIteration
            await news.wait()
            if not self._feed.closed and not self._feed.after(self.at):
                return ()

    async def _look(self) -> Sequence[Item | Gap]:
        if self._gap is not None:
            gap, self._gap = self._gap, None
            return (gap,)
        feed = self._feed
        if self.at >= feed.floor:
            self._live = True
            return self._checked(feed.after(self.at))
        if self._live:
            missed = Gap(self.at + 1, feed.floor, "slow_reader")
            self.at = feed.floor
            return (missed,)
        return self._checked([feed.item(entry) for entry in await feed.journal.journal_after(self.at, PAGE)])

    def _checked(self, items: Sequence[Item]) -> Sequence[Item | Gap]:
        """The rows, with a gap before each one that does not follow the one before."""
        if not items or items[-1].seq - self.at == len(items):
            found: Sequence[Item | Gap] = items
        else:
            found = []
            at = self.at
            for item in items:
                if item.seq > at + 1:
                    found.append(Gap(at + 1, item.seq - 1, "retention"))
                found.append(item)
                at = item.seq
        if items:
            self.at = items[-1].seq
        return found


def document(entry: Entry) -> dict[str, Any]:
    """A row as it is shown: what every one has, the job it speaks of, and what its kind says."""
    data: dict[str, Any] = orjson.loads(entry.data) if entry.data else {}
    shown: dict[str, Any] = {"id": entry.seq, "type": entry.kind, "at": rfc3339(entry.at)}
    if entry.job_id is not None:
        shown |= {
            "job_id": entry.job_id,
            "root_job_id": entry.root_id,
            "parent_job_id": entry.parent_id,
            "plugin": entry.plugin,
            "command": entry.command,
            "step": entry.step,
        }
        status = data.pop("state", None) or STATUS.get(entry.kind)
        if status is not None:
            shown["status"] = status
    if "due_at" in data:
        data["due_at"] = rfc3339(data["due_at"])
    return {**shown, **data}
