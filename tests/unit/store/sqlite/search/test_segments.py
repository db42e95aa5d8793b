"""The full text in segments: a search finds what it would in one, and a segment goes once its attempts have gone."""

import random
import sqlite3
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from support.store import Bench, start

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
async def readers(bench: Bench) -> AsyncIterator[StoreReads]:
    readers = StoreReads(ReadPool(bench.path))
    yield readers
    await readers.close()


def end(bench: Bench, text: str) -> str:
    bench.now += 1000
    job_id = bench.insert(start()).job_id
    bench.settle(bench.claim_one("echo").job, State.FAILED, error=text)
    return job_id


def index_all(bench: Bench) -> None:
    while bench.do(index_attempts).more:
        pass


def full(bench: Bench) -> list[tuple[int, int | None]]:
    return bench.all("SELECT n, last FROM text_segments ORDER BY n")


def tables(bench: Bench) -> list[str]:
    rows = bench.all("SELECT name FROM sqlite_master WHERE name LIKE 'attempt_text%' AND sql LIKE '%VIRTUAL%'")
    return sorted(name for (name,) in rows)


def free_all(bench: Bench) -> None:
    while bench.do(free_search_pages, lambda: True):
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


async def test_a_search_goes_through_all_volumes_newest_first(bench: Bench, readers: StoreReads) -> None:
    ended = [end(bench, f"word number{n}") for n in range(15)]
    index_all(bench)

    assert full(bench) == [(1, 6), (2, 12)]
    assert tables(bench) == ["attempt_text", "attempt_text_1", "attempt_text_2"]
    assert await found(readers, "word") == ended[::-1]
    assert [await found(readers, f"number{n}") for n in range(15)] == [[job_id] for job_id in ended]
    assert [await found(readers, "word", of_job=job_id) for job_id in ended] == [[job_id] for job_id in ended]
    assert await found(readers, "word", of_job=ended[0][:-1] + "?") == []


async def test_a_volume_is_full_by_its_bytes_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    end(bench, "first " * 200)
    index_all(bench)
    end(bench, "second")
    index_all(bench)
    end(bench, "third")
    index_all(bench)

    assert full(bench) == [(1, 1)]


async def test_an_attempt_of_a_full_volume_is_not_found_once_it_has_gone(bench: Bench, readers: StoreReads) -> None:
    ended = [end(bench, "word") for _ in range(8)]
    index_all(bench)

    bench.do(trim_attempts, bench.now - 5000, lambda: False)

    assert await found(readers, "word") == ended[:1:-1]
    assert full(bench) == [(1, 6)], "it is searched for the others"


async def test_a_volume_goes_with_its_last_attempt_and_its_pages_are_freed(bench: Bench, readers: StoreReads) -> None:
    ended = [end(bench, "word") for _ in range(13)]
    index_all(bench)
    assert full(bench) == [(1, 6), (2, 12)]

    bench.do(trim_attempts, bench.now - 6000, lambda: False)

    assert full(bench) == [(1, None), (2, 12)]
    assert await found(readers, "word") == ended[:5:-1]
    assert "attempt_text_1" in tables(bench)
    free_all(bench)
    assert "attempt_text_1" not in tables(bench)
    assert not bench.all("SELECT name FROM sqlite_master WHERE name LIKE 'attempt_text_1%'")
    assert await found(readers, "word") == ended[:5:-1]
    assert bench.all("PRAGMA integrity_check") == [("ok",)]


async def test_row_ids_that_are_given_anew_find_nothing_of_before(bench: Bench, readers: StoreReads) -> None:
    bench.now += 1_000_000  # the clock is ahead while the first ends
    stays = end(bench, "old stays")
    bench.now -= 1_000_000
    for _ in range(9):
        end(bench, "old")
    index_all(bench)
    assert full(bench)

    while bench.do(trim_attempts, bench.now + 1, lambda: False):
        pass

    assert bench.all("SELECT rowid FROM attempts") == [(1,)]
    assert bench.do(indexed_through) == 0, "what is left of a segment that goes is written again"
    index_all(bench)
    assert await found(readers, "old") == [stays]
    ended = [end(bench, "new") for _ in range(9)]
    index_all(bench)
    assert bench.all("SELECT max(rowid) FROM attempts") == [(10,)]
    assert (await found(readers, "old"), await found(readers, "new")) == ([stays], ended[::-1])
    free_all(bench)
    assert (await found(readers, "old"), await found(readers, "new")) == ([stays], ended[::-1])


async def test_when_every_attempt_has_gone_no_volume_is_left(bench: Bench) -> None:
    for _ in range(10):
        end(bench, "word")
    index_all(bench)

    while bench.do(trim_attempts, bench.now + 1, lambda: False):
        pass
    free_all(bench)

    assert full(bench) == []
    assert tables(bench) == ["attempt_text"]
    assert bench.do(indexed_through) == 0
    assert bench.all("SELECT count(*) FROM attempt_text WHERE attempt_text MATCH 'word'") == [(0,)]


@pytest.mark.parametrize("seed", range(6))
async def test_a_search_finds_what_reading_every_attempt_does(bench: Bench, readers: StoreReads, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        bench.now += dice.choice((0, 0, 0, -3000, 5000))
        match dice.choice(("end", "end", "index", "trim", "free")):
            case "end":
                end(bench, " ".join(dice.sample(WORDS, 2)))
            case "index":
                bench.do(index_attempts)
            case "trim":
                bench.do(trim_attempts, bench.now - dice.randrange(0, 15_000), lambda: dice.random() < 0.5)
            case "free":
                bench.do(free_search_pages, lambda: True)
    index_all(bench)
    for word in WORDS:
        rows = bench.all("SELECT job_id FROM attempts WHERE instr(error, ?) ORDER BY rowid DESC", word)
        assert await found(readers, word) == [job_id for (job_id,) in rows]


def test_a_full_volume_is_closed_before_it_is_trimmed(bench: Bench) -> None:
    for _ in range(6):
        end(bench, "word")
    index_all(bench)
    assert full(bench) == []

    bench.do(trim_attempts, bench.now, lambda: True)

    assert full(bench) == [(1, 6)], "its words need not be taken out"


async def test_the_words_of_a_large_attempt_are_read_beside_the_writer(
    bench: Bench, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = [end(bench, "small")]
    assert await readers.large_text() is None
    monkeypatch.setattr("ductile.store.sqlite.reads.LARGE_ATTEMPT_BYTES", 100)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.LARGE_ATTEMPT_BYTES", 100)
    ended.append(end(bench, "large " * 100))
    ended.append(end(bench, "small"))

    assert bench.do(index_attempts, await readers.large_text()).through == 1, "a large one is a batch by itself"
    ahead = await readers.large_text()
    assert ahead is not None
    assert (ahead.id, ahead.job_id, ahead.attempt, ahead.error) == (2, ended[1], 1, "large " * 100)
    assert bench.do(index_attempts, replace(ahead, error="prepared")).through == 2
    index_all(bench)

    assert await found(readers, "prepared") == [ended[1]]
    assert await found(readers, "small") == [ended[2], ended[0]]


async def test_words_that_were_read_of_another_attempt_in_that_row_are_not_written(
    bench: Bench, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.reads.LARGE_ATTEMPT_BYTES", 100)
    job_id = end(bench, "large " * 100)
    ahead = await readers.large_text()
    assert ahead is not None

    bench.do(index_attempts, replace(ahead, job_id="another", error="stale"))

    assert (await found(readers, "stale"), await found(readers, "large")) == ([], [job_id])


async def test_an_attempt_that_is_too_large_to_be_taken_out_closes_its_volume(
    bench: Bench, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.HUGE_ATTEMPT_BYTES", 100)
    end(bench, "large " * 100)
    stays = end(bench, "small and large")
    index_all(bench)

    bench.do(trim_attempts, bench.now, lambda: False)

    assert full(bench) == [(1, 2)]
    assert await found(readers, "large") == [stays]


def test_a_new_volume_is_made_like_the_one_of_the_schema(bench: Bench) -> None:
    made = "SELECT sql FROM sqlite_master WHERE name = 'attempt_text'"
    settings = "SELECT k, v FROM attempt_text_config ORDER BY k"
    before = bench.all(made), bench.all(settings)
    for _ in range(8):
        end(bench, "word")
    index_all(bench)

    assert full(bench)
    assert (bench.all(made), bench.all(settings)) == before


async def test_a_search_under_way_ends_although_the_volume_is_dropped(bench: Bench) -> None:
    for _ in range(5):
        end(bench, "word")
    index_all(bench)
    end(bench, "word")
    index_all(bench)
    reader = sqlite3.connect(bench.path, isolation_level=None)
    reader.execute("BEGIN")
    search = "SELECT count(*) FROM attempt_text_1 WHERE attempt_text_1 MATCH 'word'"
    ((before,),) = reader.execute(search)

    while bench.do(trim_attempts, bench.now + 1, lambda: False):
        pass
    free_all(bench)

    assert before > 0
    assert reader.execute(search).fetchall() == [(before,)]
    reader.close()
