"""The full text in segments: a search finds what it would in one, and a segment goes once its attempts have gone."""

import random
import sqlite3
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from support.store import SqliteHarness, start

from ductile.model.filters import AttemptFilter
from ductile.model.job import State
from ductile.model.search_query import parse_query
from ductile.store.sqlite.read_pool import ReadPool
from ductile.store.sqlite.reads import StoreReads
from ductile.store.sqlite.search import segments
from ductile.store.sqlite.search.indexer import index_attempts, indexed_through
from ductile.store.sqlite.space import free_search_pages, trim_attempts

ATTEMPTS = 4
WORDS = ("alpha", "beta", "gamma", "delta")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_ATTEMPTS", ATTEMPTS)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.BATCH_ATTEMPTS", 3)


@pytest.fixture
async def readers(harness: SqliteHarness) -> AsyncIterator[StoreReads]:
    readers = StoreReads(ReadPool(harness.path))
    yield readers
    await readers.close()


def end(harness: SqliteHarness, text: str) -> str:
    harness.now += 1000
    job_id = harness.insert(start()).job_id
    harness.settle(harness.claim_one("echo").job, State.FAILED, error=text)
    return job_id


def index_all(harness: SqliteHarness) -> None:
    while harness.do(index_attempts).more:
        pass


def full(harness: SqliteHarness) -> list[tuple[int, int | None]]:
    return harness.all("SELECT n, last FROM text_segments ORDER BY n")


def tables(harness: SqliteHarness) -> list[str]:
    rows = harness.all("SELECT name FROM sqlite_master WHERE name LIKE 'attempt_text%' AND sql LIKE '%VIRTUAL%'")
    return sorted(name for (name,) in rows)


def free_all(harness: SqliteHarness) -> None:
    while harness.do(free_search_pages, lambda: True):
        pass


async def found(readers: StoreReads, word: str, *, of_job: str | None = None) -> list[str]:
    """The jobs that a search finds, read in pages of two."""
    ids: list[str] = []
    cursor = None
    while True:
        wanted = AttemptFilter(query=parse_query(word), limit=2, cursor=cursor, job_id=of_job)
        page = await readers.logs(wanted, 10_000_000)
        ids += [row.job_id for row in page.rows]
        if page.cursor is None:
            assert page.total == len(ids)
            return ids
        cursor = page.cursor


async def test_a_search_goes_through_all_segments_newest_first(harness: SqliteHarness, readers: StoreReads) -> None:
    ended = [end(harness, f"word number{n}") for n in range(15)]
    index_all(harness)

    assert full(harness) == [(1, 6), (2, 12)]
    assert tables(harness) == ["attempt_text", "attempt_text_1", "attempt_text_2"]
    assert await found(readers, "word") == ended[::-1]
    assert [await found(readers, f"number{n}") for n in range(15)] == [[job_id] for job_id in ended]
    assert [await found(readers, "word", of_job=job_id) for job_id in ended] == [[job_id] for job_id in ended]
    assert await found(readers, "word", of_job=ended[0][:-1] + "?") == []


async def test_a_segment_is_full_by_its_bytes_too(harness: SqliteHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    end(harness, "first " * 200)
    index_all(harness)
    end(harness, "second")
    index_all(harness)
    end(harness, "third")
    index_all(harness)

    assert full(harness) == [(1, 1)]


async def test_an_attempt_of_a_closed_segment_is_not_found_once_it_has_gone(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    ended = [end(harness, "word") for _ in range(8)]
    index_all(harness)

    harness.do(trim_attempts, harness.now - 5000, lambda: False)

    assert await found(readers, "word") == ended[:1:-1]
    assert full(harness) == [(1, 6)], "it is searched for the others"


async def test_a_segment_goes_with_its_last_attempt_and_its_pages_are_freed(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    ended = [end(harness, "word") for _ in range(13)]
    index_all(harness)
    assert full(harness) == [(1, 6), (2, 12)]

    harness.do(trim_attempts, harness.now - 6000, lambda: False)

    assert full(harness) == [(1, None), (2, 12)]
    assert await found(readers, "word") == ended[:5:-1]
    assert "attempt_text_1" in tables(harness)
    free_all(harness)
    assert "attempt_text_1" not in tables(harness)
    assert not harness.all("SELECT name FROM sqlite_master WHERE name LIKE 'attempt_text_1%'")
    assert await found(readers, "word") == ended[:5:-1]
    assert harness.all("PRAGMA integrity_check") == [("ok",)]


async def test_row_ids_that_are_given_anew_find_nothing_of_before(harness: SqliteHarness, readers: StoreReads) -> None:
    harness.now += 1_000_000  # the clock is ahead while the first ends
    stays = end(harness, "old stays")
    harness.now -= 1_000_000
    for _ in range(9):
        end(harness, "old")
    index_all(harness)
    assert full(harness)

    while harness.do(trim_attempts, harness.now + 1, lambda: False):
        pass

    assert harness.all("SELECT rowid FROM attempts") == [(1,)]
    assert harness.do(indexed_through) == 0, "what is left of a segment that goes is written again"
    index_all(harness)
    assert await found(readers, "old") == [stays]
    ended = [end(harness, "new") for _ in range(9)]
    index_all(harness)
    assert harness.all("SELECT max(rowid) FROM attempts") == [(10,)]
    assert (await found(readers, "old"), await found(readers, "new")) == ([stays], ended[::-1])
    free_all(harness)
    assert (await found(readers, "old"), await found(readers, "new")) == ([stays], ended[::-1])


async def test_when_every_attempt_has_gone_no_segment_is_left(harness: SqliteHarness) -> None:
    for _ in range(10):
        end(harness, "word")
    index_all(harness)

    while harness.do(trim_attempts, harness.now + 1, lambda: False):
        pass
    free_all(harness)

    assert full(harness) == []
    assert tables(harness) == ["attempt_text"]
    assert harness.do(indexed_through) == 0
    assert harness.all("SELECT count(*) FROM attempt_text WHERE attempt_text MATCH 'word'") == [(0,)]


@pytest.mark.parametrize("seed", range(6))
async def test_a_search_finds_what_reading_every_attempt_does(
    harness: SqliteHarness, readers: StoreReads, seed: int
) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        harness.now += dice.choice((0, 0, 0, -3000, 5000))
        match dice.choice(("end", "end", "index", "trim", "free")):
            case "end":
                end(harness, " ".join(dice.sample(WORDS, 2)))
            case "index":
                harness.do(index_attempts)
            case "trim":
                harness.do(trim_attempts, harness.now - dice.randrange(0, 15_000), lambda: dice.random() < 0.5)
            case "free":
                harness.do(free_search_pages, lambda: True)
    index_all(harness)
    for word in WORDS:
        rows = harness.all("SELECT job_id FROM attempts WHERE instr(error, ?) ORDER BY rowid DESC", word)
        assert await found(readers, word) == [job_id for (job_id,) in rows]


def test_a_closed_segment_is_closed_before_it_is_trimmed(harness: SqliteHarness) -> None:
    for _ in range(6):
        end(harness, "word")
    index_all(harness)
    assert full(harness) == []

    harness.do(trim_attempts, harness.now, lambda: True)

    assert full(harness) == [(1, 6)], "its words need not be taken out"


async def test_the_words_of_a_large_attempt_are_read_beside_the_writer(
    harness: SqliteHarness, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = [end(harness, "small")]
    assert await readers.large_text() is None
    monkeypatch.setattr("ductile.store.sqlite.reads.LARGE_ATTEMPT_BYTES", 100)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.LARGE_ATTEMPT_BYTES", 100)
    ended.append(end(harness, "large " * 100))
    ended.append(end(harness, "small"))

    assert harness.do(index_attempts, await readers.large_text()).through == 1, "a large one is a batch by itself"
    ahead = await readers.large_text()
    assert ahead is not None
    assert (ahead.id, ahead.job_id, ahead.attempt, ahead.error) == (2, ended[1], 1, "large " * 100)
    assert harness.do(index_attempts, replace(ahead, error="prepared")).through == 2
    index_all(harness)

    assert await found(readers, "prepared") == [ended[1]]
    assert await found(readers, "small") == [ended[2], ended[0]]


async def test_words_that_were_read_of_another_attempt_in_that_row_are_not_written(
    harness: SqliteHarness, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.reads.LARGE_ATTEMPT_BYTES", 100)
    job_id = end(harness, "large " * 100)
    ahead = await readers.large_text()
    assert ahead is not None

    harness.do(index_attempts, replace(ahead, job_id="another", error="stale"))

    assert (await found(readers, "stale"), await found(readers, "large")) == ([], [job_id])


async def test_an_attempt_that_is_too_large_to_be_taken_out_closes_its_segment(
    harness: SqliteHarness, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.HUGE_ATTEMPT_BYTES", 100)
    end(harness, "large " * 100)
    stays = end(harness, "small and large")
    index_all(harness)

    harness.do(trim_attempts, harness.now, lambda: False)

    assert full(harness) == [(1, 2)]
    assert await found(readers, "large") == [stays]


def test_a_new_segment_is_made_like_the_one_of_the_schema(harness: SqliteHarness) -> None:
    made = "SELECT sql FROM sqlite_master WHERE name = 'attempt_text'"
    settings = "SELECT k, v FROM attempt_text_config ORDER BY k"
    before = harness.all(made), harness.all(settings)
    for _ in range(8):
        end(harness, "word")
    index_all(harness)

    assert full(harness)
    assert (harness.all(made), harness.all(settings)) == before


async def test_a_search_under_way_ends_although_the_segment_is_dropped(harness: SqliteHarness) -> None:
    for _ in range(5):
        end(harness, "word")
    index_all(harness)
    end(harness, "word")
    index_all(harness)
    reader = sqlite3.connect(harness.path, isolation_level=None)
    reader.execute("BEGIN")
    search = "SELECT count(*) FROM attempt_text_1 WHERE attempt_text_1 MATCH 'word'"
    ((before,),) = reader.execute(search)

    while harness.do(trim_attempts, harness.now + 1, lambda: False):
        pass
    free_all(harness)

    assert before > 0
    assert reader.execute(search).fetchall() == [(before,)]
    reader.close()
