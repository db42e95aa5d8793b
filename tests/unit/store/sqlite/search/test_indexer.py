"""The full text follows the attempts: in batches, and out again with them."""

from typing import Any

import orjson
import pytest
from support.store import SqliteHarness, start, trim

from ductile.model.job import State
from ductile.model.search_query import parse_query
from ductile.store.sqlite.search.expression import render
from ductile.store.sqlite.search.indexer import BATCH_ATTEMPTS, index_attempts, indexed_through
from ductile.store.sqlite.space import trim_attempts


def end(harness: SqliteHarness, **more: Any) -> str:
    """Run a job to its end; its id."""
    job_id = harness.insert(start()).job_id
    if "result" in more:
        more["result"] = orjson.dumps({"status": "ok", "result": more["result"], "state_updates": {"hidden": "memory"}})
    harness.settle(harness.claim_one("echo").job, **more)
    return job_id


def index_all(harness: SqliteHarness) -> int:
    """Index until nothing is left; how many batches it took."""
    batches = 1
    while harness.do(index_attempts).more:
        batches += 1
    return batches


def found(harness: SqliteHarness, query: str) -> list[int]:
    match = f"{{error stderr result}} : ({render(parse_query(query))})"
    return [
        row for (row,) in harness.all("SELECT rowid FROM attempt_text WHERE attempt_text MATCH ? ORDER BY 1", match)
    ]


def is_whole(harness: SqliteHarness) -> bool:
    """Whether the full text is word for word what one made anew of the indexed attempts would be."""
    harness.connection.executescript(
        """
        DROP TABLE IF EXISTS temp.anew;
        CREATE VIRTUAL TABLE temp.anew USING fts5(error, stderr, result, facets);
        CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, attempt_text, instance);
        CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_anew USING fts5vocab(temp, anew, instance);
        INSERT INTO temp.anew (rowid, error, stderr, result, facets) SELECT * FROM attempt_words
        WHERE id <= (SELECT CAST(value AS INTEGER) FROM meta WHERE "key" = 'logs_indexed');
        INSERT INTO attempt_text (attempt_text) VALUES ('integrity-check');
        """
    )
    every = 'SELECT term, doc, col, "offset" FROM {} ORDER BY 1, 2, 3, 4'
    return harness.all(every.format("temp.words")) == harness.all(every.format("temp.words_anew"))


def test_settling_writes_no_full_text(harness: SqliteHarness) -> None:
    end(harness, error="broken")
    assert found(harness, "broken") == []
    assert index_all(harness) == 1
    assert found(harness, "broken") == [1]


@pytest.mark.parametrize(
    ("more", "words", "others"),
    [
        ({"error": "it broke", "state": State.FAILED}, ["broke", "it broke"], ["failed"]),
        ({"stderr": "Traceback: boom\0 behind"}, ["traceback boom", "behind"], []),
        ({"result": "plain text"}, ['"plain text"'], ["ok", "status", "result"]),
        (
            {"result": {"name": "v-1", "deep": [{"er": "x"}, 17, 2.5, True, None]}},
            ["name", '"v 1"', "er x", "17", '"2 5"', "true", "null"],
            ["hidden", "memory", "state_updates", "0"],
        ),
        ({"result": {"result": "inner"}}, ["result", "inner"], []),
        ({"result": 'C:\\new\\u0000 "quoted"\nline\u0000end'}, ["new", '"quoted line end"', "u0000"], ["nnew"]),
        ({"result": "naïve 日本語 Ünïcode"}, ["naive", "日本語", "unicode"], []),
        ({"result": None}, ["null"], ["none"]),
        ({"result": []}, [], ["null"]),
        ({}, [], ["echo", "succeeded", "api", "poll"]),
    ],
)
def test_what_an_attempt_said_is_found_and_nothing_else(
    harness: SqliteHarness, more: dict[str, Any], words: list[str], others: list[str]
) -> None:
    end(harness, **more)
    index_all(harness)
    assert [word for word in words if found(harness, word) != [1]] == []
    assert [word for word in others if found(harness, word) == [1]] == []
    assert is_whole(harness)


@pytest.mark.parametrize(
    "stored", [b"", b"not json", b"[]", b"1", b"null", b'{"status":"ok"}', b'{"result":"a\xff"}', b"\xff"]
)
def test_a_result_that_is_no_response_keeps_nothing_from_the_index(harness: SqliteHarness, stored: bytes) -> None:
    harness.insert(start())
    harness.settle(harness.claim_one("echo").job, result=stored, stderr="first")
    end(harness, stderr="second")
    index_all(harness)
    assert (found(harness, "first"), found(harness, "second")) == ([1], [2])
    harness.now += 10
    harness.do(trim, jobs_before=0, attempts_before=harness.now, limit=100)
    assert is_whole(harness)


def test_attempts_are_indexed_once_each_in_batches(harness: SqliteHarness) -> None:
    for n in range(BATCH_ATTEMPTS + 3):
        end(harness, stderr=f"number n{n}")
    assert index_all(harness) == 2
    assert len(found(harness, "number")) == BATCH_ATTEMPTS + 3
    assert index_all(harness) == 1
    end(harness, stderr="number last")
    index_all(harness)
    assert len(found(harness, "number")) == BATCH_ATTEMPTS + 4
    assert is_whole(harness)


def test_large_attempts_make_batches_of_few(harness: SqliteHarness) -> None:
    for _ in range(4):
        end(harness, result="word " * 150_000)
    assert index_all(harness) == 4
    assert found(harness, "word") == [1, 2, 3, 4]
    harness.now += 10
    harness.do(trim_attempts, harness.now, lambda: True)
    assert found(harness, "word") == [2, 3, 4], "as much as a slice may read"


def test_only_the_first_million_characters_of_a_result_are_searched(harness: SqliteHarness) -> None:
    end(harness, result=f"first {'x ' * 500_000}last")
    index_all(harness)
    assert (found(harness, "first"), found(harness, "last")) == ([1], [])


def test_the_full_text_goes_with_its_attempts_also_where_it_was_not_written_yet(harness: SqliteHarness) -> None:
    for _ in range(3):
        end(harness, stderr="old")
    index_all(harness)
    for _ in range(3):
        end(harness, stderr="old")
    harness.now += 10
    end(harness, stderr="new")
    while harness.do(trim, jobs_before=0, attempts_before=harness.now, limit=2):
        assert is_whole(harness)
    assert harness.all("SELECT rowid FROM attempts") == [(7,)]
    index_all(harness)
    assert (found(harness, "old"), found(harness, "new")) == ([], [7])
    assert is_whole(harness)


def test_an_attempt_that_gets_the_row_of_a_deleted_one_is_indexed_too(harness: SqliteHarness) -> None:
    for _ in range(3):
        end(harness, stderr="old")
    index_all(harness)
    harness.now += 10
    while harness.do(trim, jobs_before=harness.now, attempts_before=harness.now, limit=100):
        pass
    assert harness.do(indexed_through) == 0
    end(harness, stderr="new")
    index_all(harness)
    assert harness.all("SELECT rowid FROM attempts") == [(1,)]
    assert (found(harness, "old"), found(harness, "new")) == ([], [1])
    assert is_whole(harness)


def test_an_attempt_that_ended_while_the_clock_was_ahead_keeps_the_others_from_nothing(harness: SqliteHarness) -> None:
    end(harness, stderr="a")
    harness.now += 1000
    end(harness, stderr="b")
    harness.now -= 900
    end(harness, stderr="c")
    index_all(harness)
    harness.now += 10
    harness.do(trim, jobs_before=0, attempts_before=harness.now, limit=100)
    assert harness.all("SELECT rowid FROM attempts") == [(2,)]
    end(harness, stderr="d")
    index_all(harness)
    assert [found(harness, word) for word in "abcd"] == [[], [2], [], [3]]
    assert is_whole(harness)


def test_segments_are_merged_as_they_come_and_never_many_at_once(harness: SqliteHarness) -> None:
    def segments() -> int:
        found: int = harness.all("SELECT count(DISTINCT segid) FROM attempt_text_idx")[0][0]
        return found

    most = 0
    for n in range(60):
        end(harness, stderr=f"word{n} " * 200)
        index_all(harness)
        most = max(most, segments())
    harness.now += 10
    while harness.do(trim_attempts, harness.now, lambda: True):
        most = max(most, segments())

    assert most < 20, "without merging there would be one for each batch"
    assert dict(harness.all("SELECT k, v FROM attempt_text_config"))["automerge"] == 0
    assert is_whole(harness)


def test_a_vacuum_leaves_each_attempt_its_full_text(harness: SqliteHarness) -> None:
    """Of a table without a primary key of its own, a vacuum gives the rows other numbers."""
    for word in ("first", "second", "third"):
        end(harness, stderr=word)
    index_all(harness)
    harness.connection.execute("DELETE FROM attempts WHERE seq = 1")
    harness.connection.execute("VACUUM")

    assert harness.all("SELECT seq, stderr FROM attempts ORDER BY seq") == [(2, "second"), (3, "third")]
    assert found(harness, "third") == [3]
