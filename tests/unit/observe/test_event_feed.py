"""The live end of the journal: order, gaps, pace, and nothing to do while nobody follows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from ductile.document.redactor import Redactor
from ductile.errors import Unavailable
from ductile.model.journal import EntryKind, JournalEntry
from ductile.model.notification import JOURNAL_GREW, LaneReady, Notification
from ductile.observe import event_feed as module
from ductile.observe.errors import NoMoreEvents, TooManyFollowers
from ductile.observe.event_feed import PAGE_ROWS, EventFeed, FeedItem, Follower, Gap, entry_document


def sample_entry(seq: int, kind: EntryKind = EntryKind.JOB_ENDED, **more: Any) -> JournalEntry:
    values = {
        "at": 1_700_000_000_000,
        "job_id": None,
        "data": None,
        "plugin": None,
        "command": None,
        "root_id": None,
        "parent_id": None,
        "step": None,
    }
    return JournalEntry(seq=seq, kind=kind, **{**values, **more})


class FakeJournal:
    """A journal in memory that counts how often it is read, and can be slow or out of order."""

    def __init__(self) -> None:
        self.rows: list[JournalEntry] = []
        self.reads = 0
        self.readable = asyncio.Event()
        self.readable.set()
        self.broken = False
        self._read = asyncio.Event()
        self._listeners: list[Callable[[Sequence[Notification]], None]] = []

    def write(self, n: int = 1, **more: Any) -> None:
        """Commit so many rows."""
        newest = self.rows[-1].seq if self.rows else 0
        self.rows += [sample_entry(newest + 1 + i, **more) for i in range(n)]
        self.notify(LaneReady("echo"), JOURNAL_GREW)

    def notify(self, *signals: Notification) -> None:
        for listener in self._listeners:
            listener(signals)

    async def wait_for_reads(self, n: int) -> None:
        """Wait until it was read so many times more."""
        for _ in range(n):
            self._read.clear()
            await self._read.wait()

    def on_commit(self, listener: Callable[[Sequence[Notification]], None]) -> None:
        self._listeners.append(listener)

    async def journal_after(self, after: int, limit: int) -> list[JournalEntry]:
        self.reads += 1
        self._read.set()
        await self.readable.wait()
        if self.broken:
            raise Unavailable(reason="the disk is gone")
        return [row for row in self.rows if row.seq > after][:limit]

    async def newest_entry(self) -> int:
        newest = self.rows[-1].seq if self.rows else 0
        await asyncio.sleep(0)  # the answer is on its way while more is written
        return newest


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
async def feed(journal: FakeJournal) -> AsyncIterator[EventFeed]:
    made = EventFeed(journal, lambda: Redactor(["s3cr3t-word"]), max_followers=3, max_ring_rows=4, read_interval=0)
    await made.start()
    yield made
    journal.broken = False
    journal.readable.set()
    await made.stop()


async def take_items(follower: Follower, n: int) -> list[int | Gap]:
    """The next n rows (their numbers) and gaps; what is more in the last answer is an error."""
    found: list[int | Gap] = []
    while len(found) < n:
        found += [one.seq if isinstance(one, FeedItem) else one for one in await anext(follower)]
    assert len(found) == n
    return found


async def start_waiting(follower: Follower) -> asyncio.Task[Any]:
    """Begin to wait for what comes next, and see that nothing is there yet."""
    task = asyncio.ensure_future(anext(follower))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def seqs_of(task: asyncio.Task[Any]) -> list[int]:
    return [item.seq for item in await task]


async def test_who_follows_from_now_on_gets_what_comes_and_nothing_of_before(
    journal: FakeJournal, feed: EventFeed
) -> None:
    journal.write(3)
    follower = await feed.follow(None)
    task = await start_waiting(follower)
    journal.write()
    assert await seqs_of(task) == [4]
    journal.write()
    assert await take_items(follower, 1) == [5]


async def test_who_follows_from_the_past_gets_that_first_and_then_what_comes(
    journal: FakeJournal, feed: EventFeed
) -> None:
    journal.write(2 * PAGE_ROWS + 10)
    follower = await feed.follow(7)
    assert await take_items(follower, 2 * PAGE_ROWS + 3) == [*range(8, 2 * PAGE_ROWS + 11)]
    task = await start_waiting(follower)
    journal.write(2)
    assert await seqs_of(task) == [2 * PAGE_ROWS + 11, 2 * PAGE_ROWS + 12]


async def test_what_is_written_during_the_replay_comes_after_it_without_gap_or_double(
    journal: FakeJournal, feed: EventFeed
) -> None:
    await feed.follow(None)
    follower = await feed.follow(0)
    seen: list[int | Gap] = []
    for _ in range(50):
        journal.write(3)
        if len(seen) < len(journal.rows):
            seen += [one.seq if isinstance(one, FeedItem) else one for one in await anext(follower)]
    while len(seen) < 150:
        seen += [one.seq if isinstance(one, FeedItem) else one for one in await anext(follower)]
    assert [one for one in seen if not isinstance(one, Gap)] == sorted({one for one in seen if isinstance(one, int)})
    missed = sum((gap.missed_to or 0) - (gap.missed_from or 0) + 1 for gap in seen if isinstance(gap, Gap))
    assert len([one for one in seen if isinstance(one, int)]) + missed >= 150 - 4


async def test_rows_of_a_commit_that_came_while_it_began_to_follow_are_not_lost(
    journal: FakeJournal, feed: EventFeed
) -> None:
    beginning = asyncio.ensure_future(feed.follow(None))
    await asyncio.sleep(0)
    journal.write()  # nobody listens for the commit yet
    follower = await beginning
    assert await take_items(follower, 1) == [1]


async def test_a_read_that_ends_when_all_have_left_is_the_last_one(journal: FakeJournal, feed: EventFeed) -> None:
    follower = await feed.follow(None)
    await start_waiting(follower)
    journal.readable.clear()
    journal.write()
    for _ in range(5):
        await asyncio.sleep(0)
    await follower.aclose()
    journal.readable.set()
    for _ in range(20):
        await asyncio.sleep(0)
    before = journal.reads
    for _ in range(20):
        journal.write()
        await asyncio.sleep(0)
    assert journal.reads == before


async def test_a_slow_reader_is_told_what_it_missed_and_goes_on(journal: FakeJournal, feed: EventFeed) -> None:
    slow, quick = await feed.follow(None), await feed.follow(None)
    for _ in range(10):
        journal.write()
        await take_items(quick, 1)
    assert await take_items(slow, 5) == [Gap(1, 6, "slow_reader"), 7, 8, 9, 10]
    journal.write()
    assert await take_items(slow, 1) == [11]


async def test_who_asks_for_what_retention_took_is_told_what_is_missing(journal: FakeJournal, feed: EventFeed) -> None:
    journal.write(9)
    del journal.rows[:6]
    assert await take_items(await feed.follow(2), 4) == [Gap(3, 6, "retention"), 7, 8, 9]
    assert await take_items(await feed.follow(6), 3) == [7, 8, 9]


async def test_who_names_a_row_that_is_not_written_yet_is_told_and_gets_what_comes(
    journal: FakeJournal, feed: EventFeed
) -> None:
    journal.write(2)
    follower = await feed.follow(40)
    assert await take_items(follower, 1) == [Gap(None, None, "unknown_id")]
    journal.write()
    assert await take_items(follower, 1) == [3]


async def test_nothing_is_read_while_nobody_follows(journal: FakeJournal, feed: EventFeed) -> None:
    journal.write(5)
    follower = await feed.follow(None)
    journal.write()
    assert await take_items(follower, 1) == [6]
    await follower.aclose()
    await asyncio.sleep(0)
    before = journal.reads
    for _ in range(20):
        journal.write()
        await asyncio.sleep(0)
    assert (journal.reads, feed.follower_count) == (before, 0)
    assert await take_items(await feed.follow(6), 20) == [*range(7, 27)]


async def test_many_followers_cost_one_read_of_each_row(journal: FakeJournal, feed: EventFeed) -> None:
    three = [await feed.follow(None) for _ in range(3)]
    tasks = [await start_waiting(follower) for follower in three]
    before = journal.reads
    journal.write(2)
    assert [await seqs_of(task) for task in tasks] == [[1, 2]] * 3
    await asyncio.sleep(0)
    assert journal.reads - before <= 2, "the rows, and that there are no more"


async def test_a_commit_that_journalled_nothing_is_not_looked_at(journal: FakeJournal, feed: EventFeed) -> None:
    await start_waiting(await feed.follow(None))
    before = journal.reads
    journal.notify(LaneReady("echo"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert journal.reads == before


async def test_there_is_a_last_place_and_it_becomes_free(feed: EventFeed) -> None:
    three = [await feed.follow(None) for _ in range(3)]
    with pytest.raises(TooManyFollowers, match="3 clients"):
        await feed.follow(None)
    await three[0].aclose()
    assert await feed.follow(None)


async def test_one_who_could_not_begin_takes_no_place(
    journal: FakeJournal, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> int:
        raise Unavailable(reason="no")

    monkeypatch.setattr(journal, "newest_entry", fail)
    with pytest.raises(Unavailable):
        await feed.follow(None)
    assert feed.follower_count == 0


async def test_the_heart_beats_while_somebody_follows(journal: FakeJournal) -> None:
    feed = EventFeed(journal, lambda: Redactor([]), heartbeat_seconds=0.001, read_interval=0)
    await feed.start()
    follower = await feed.follow(None)
    assert [await anext(follower), await anext(follower)] == [(), ()]
    journal.write()
    assert await take_items(follower, 1) == [1]
    await feed.stop()


async def test_a_reload_wakes_who_follows(feed: EventFeed) -> None:
    task = await start_waiting(await feed.follow(None))
    feed.apply(None, None)
    assert await task == ()


async def test_a_stop_hands_out_what_was_written_before_it_and_ends(journal: FakeJournal, feed: EventFeed) -> None:
    follower = await feed.follow(None)
    journal.write(3)
    await feed.stop()
    assert await take_items(follower, 3) == [1, 2, 3]
    with pytest.raises(StopAsyncIteration):
        await anext(follower)
    with pytest.raises(NoMoreEvents):
        await feed.follow(None)


async def test_a_stop_ends_who_waits(feed: EventFeed) -> None:
    task = await start_waiting(await feed.follow(None))
    await feed.stop()
    with pytest.raises(StopAsyncIteration):
        await task


async def test_a_store_that_cannot_be_read_is_asked_again(
    journal: FakeJournal, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_RETRY_SECONDS", 0.001)
    follower = await feed.follow(None)
    journal.broken = True
    with capture_logs() as logs:
        journal.write()
        await journal.wait_for_reads(3)
        journal.broken = False
        assert await take_items(follower, 1) == [1]
    assert {line["reason"] for line in logs} == {"The gateway cannot do this now: the disk is gone; try again later."}


async def test_a_read_that_ends_after_all_have_left_changes_nothing(journal: FakeJournal, feed: EventFeed) -> None:
    first = await feed.follow(None)
    await start_waiting(first)
    journal.readable.clear()
    journal.write(2)
    await asyncio.sleep(0)
    await first.aclose()
    second = await feed.follow(None)
    journal.readable.set()
    task = await start_waiting(second)
    journal.write()
    assert await seqs_of(task) == [3]


def test_a_row_tells_its_job_and_what_its_kind_says() -> None:
    row = sample_entry(
        7,
        job_id="j",
        plugin="echo",
        command="say",
        root_id="r",
        parent_id="p",
        step="s",
        data=b'{"state":"failed","attempt":2}',
    )
    assert entry_document(row) == {
        "id": 7,
        "type": "job.ended",
        "at": "2023-11-14T22:13:20.000Z",
        "job_id": "j",
        "root_job_id": "r",
        "parent_job_id": "p",
        "plugin": "echo",
        "command": "say",
        "step": "s",
        "status": "failed",
        "attempt": 2,
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (EntryKind.JOB_STARTED, "running"),
        (EntryKind.JOB_REQUEUED, "queued"),
        (EntryKind.JOB_HELD, "held"),
        (EntryKind.HOOKS_FAILED, None),
    ],
)
def test_a_row_tells_where_the_job_stands_after_it(kind: EntryKind, status: str | None) -> None:
    assert entry_document(sample_entry(1, kind, job_id="j")).get("status") == status


def test_a_row_without_a_job_has_no_members_of_one_and_its_times_are_rfc_3339() -> None:
    row = sample_entry(1, EntryKind.SCHEDULE_SKIPPED, data=b'{"schedule":"a/b","due_at":1700000000123}')
    assert entry_document(row) == {
        "id": 1,
        "type": "schedule.skipped",
        "at": "2023-11-14T22:13:20.000Z",
        "schedule": "a/b",
        "due_at": "2023-11-14T22:13:20.123Z",
    }


async def test_secrets_are_redacted(journal: FakeJournal, feed: EventFeed) -> None:
    follower = await feed.follow(None)
    journal.write(data=b'{"reason":"no s3cr3t-word"}')
    [item] = await anext(follower)
    assert isinstance(item, FeedItem)
    assert orjson.loads(item.document)["reason"] == "no [REDACTED]"
