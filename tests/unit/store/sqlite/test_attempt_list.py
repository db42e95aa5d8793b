"""Ended attempts are listed newest first, by every filter, in pages that hold each once."""

import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.store import SqliteHarness, start, trim

from ductile.model.ids import new_id
from ductile.model.job import Outcome, State
from ductile.model.read_models import AttemptPage
from ductile.model.search_query import parse_query
from ductile.store.errors import LogsNotIndexed
from ductile.store.sqlite import attempt_list
from ductile.store.sqlite.attempt_list import DAY_MILLIS, HOUR_MILLIS, AttemptFilter, days
from ductile.store.sqlite.queries import QUERIES
from ductile.store.sqlite.read_pool import ReadPool
from ductile.store.sqlite.reads import StoreReads
from ductile.store.sqlite.search.indexer import index_attempts
from ductile.store.sqlite.store import SqliteStore
from ductile.store.start import insert_start

NOW = 1_700_000_000_000


@pytest.fixture
async def readers(harness: SqliteHarness) -> AsyncIterator[StoreReads]:
    readers = StoreReads(ReadPool(harness.path))
    yield readers
    await readers.close()


def end(
    harness: SqliteHarness, plugin: str = "echo", state: State = State.SUCCEEDED, submitted_by: str = "api", **more: Any
) -> str:
    """Run a job to its end, a second after the last one; its id."""
    harness.now += 1000
    job_id = harness.insert(start(plugin, submitted_by=submitted_by)).job_id
    harness.settle(harness.claim_one(plugin).job, state, **more)
    return job_id


def index_all(harness: SqliteHarness) -> None:
    while harness.do(index_attempts).more:
        pass


async def page(readers: StoreReads, **more: Any) -> AttemptPage:
    if "query" in more:
        more["query"] = parse_query(more["query"])
    return await readers.logs(AttemptFilter(**more), NOW)


@pytest.fixture
def mixed(harness: SqliteHarness) -> list[str]:
    """A dozen attempts of several kinds, the newest first; every fourth is of an earlier day."""
    harness.now = NOW - 3 * DAY_MILLIS
    made = []
    for n in range(12):
        if n == 4:
            harness.now = NOW
        failed = n % 3 == 0
        made.append(
            end(
                harness,
                "echo" if n % 2 else "report",
                State.FAILED if failed else State.SUCCEEDED,
                "schedule" if n % 4 == 0 else "api",
                error=f"broke number{n}" if failed else None,
                stderr=f"words of number{n}",
            )
        )
    index_all(harness)
    return made[::-1]


FILTERS: list[dict[str, Any]] = [
    {},
    {"plugin": "echo"},
    {"command": "poll"},
    {"command": "handle"},
    {"outcomes": {Outcome.FAILED}},
    {"outcomes": {Outcome.FAILED, Outcome.LOST}},
    {"outcomes": {Outcome.FAILED, Outcome.SUCCEEDED}, "plugin": "echo"},
    {"submitted_by": "schedule"},
    {"plugin": "report", "outcomes": {Outcome.FAILED}, "submitted_by": "schedule", "command": "poll"},
    {"plugin": "nobody"},
    {"plugin": "ech"},
    {"since": NOW},
    {"until": NOW - DAY_MILLIS},
    {"since": NOW - 3 * DAY_MILLIS + 2000, "until": NOW - 3 * DAY_MILLIS + 3000},
    {"since": NOW - 500 * DAY_MILLIS, "until": NOW + 500 * DAY_MILLIS},
    {"since": NOW, "until": NOW - DAY_MILLIS},
    {"plugin": "echo", "since": NOW + 1, "until": NOW + 6000},
]


def expected(harness: SqliteHarness, **filters: Any) -> list[str]:
    rows = harness.all(
        "SELECT job_id, plugin, command, outcome, submitted_by, ended_at FROM attempts ORDER BY rowid DESC"
    )
    names = ("plugin", "command", "submitted_by")
    return [
        job_id
        for job_id, plugin, command, outcome, submitted_by, ended_at in rows
        for values in [(plugin, command, submitted_by)]
        if outcome in filters.get("outcomes", {outcome})
        and all(filters.get(name) in {None, value} for name, value in zip(names, values, strict=True))
        and filters.get("since", 0) <= ended_at <= filters.get("until", NOW * 2)
    ]


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("query", [{}, {"query": "words"}])
@pytest.mark.parametrize("limit", [2, 50])
@pytest.mark.usefixtures("mixed")
async def test_every_filter_gives_what_fits_newest_first_in_pages(
    harness: SqliteHarness, readers: StoreReads, filters: dict[str, Any], query: dict[str, str], limit: int
) -> None:
    wanted = expected(harness, **filters)
    seen: list[str] = []
    cursor = None
    while True:
        found = await page(readers, limit=limit, cursor=cursor, **filters, **query)
        assert (found.total, found.total_capped) == (len(wanted), False)
        seen += [row.job_id for row in found.rows]
        cursor = found.cursor
        if cursor is None:
            break
        assert len(found.rows) == limit
    assert seen == wanted


@pytest.mark.parametrize("filters", FILTERS)
async def test_a_job_is_filtered_too(
    harness: SqliteHarness, readers: StoreReads, mixed: list[str], filters: dict[str, Any]
) -> None:
    job_id = mixed[3]
    wanted = [one for one in expected(harness, **filters) if one == job_id]
    for query in ({}, {"query": "words"}):
        assert [row.job_id for row in (await page(readers, job_id=job_id, **filters, **query)).rows] == wanted
    assert (await page(readers, job_id=job_id, query="nowhere", **filters)).total == 0
    assert (await page(readers, job_id="none", **filters)).rows == ()


async def test_a_search_finds_the_words_of_error_stderr_and_result(harness: SqliteHarness, readers: StoreReads) -> None:
    one = end(harness, state=State.FAILED, error="no luck")
    two = end(harness, stderr="bad luck")
    three = end(harness, result=orjson.dumps({"status": "ok", "result": {"said": "good luck"}}))
    index_all(harness)
    assert [row.job_id for row in (await page(readers, query="luck")).rows] == [three, two, one]
    assert [row.job_id for row in (await page(readers, query='"bad luck" OR "no luck"')).rows] == [two, one]
    assert [row.job_id for row in (await page(readers, query="luck -said")).rows] == [two, one]
    for filters in ("echo", "poll", "succeeded", "api", "p6563686f"):
        assert (await page(readers, query=filters)).total == 0


async def test_each_attempt_is_a_row_of_its_own_and_outlives_its_job(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    job_id = harness.insert(start()).job_id
    for n in (1, 2):
        harness.now += 1000
        claimed = harness.claim_one("echo").job
        harness.settle(
            claimed, State.QUEUED if n == 1 else State.SUCCEEDED, outcome=Outcome(("failed", "succeeded")[n - 1])
        )
    harness.now += 1000
    while harness.do(trim, jobs_before=harness.now, attempts_before=0, limit=100):
        pass
    assert harness.all("SELECT count(*) FROM jobs") == [(0,)]
    rows = (await page(readers, job_id=job_id)).rows
    assert [(row.attempt, row.outcome) for row in rows] == [(2, Outcome.SUCCEEDED), (1, Outcome.FAILED)]
    assert rows == (await page(readers)).rows
    assert rows[0].created_at == 1_000_000
    assert [row.ended_at for row in rows] == [1_002_000, 1_001_000]


async def test_results_are_read_where_they_are_asked_for(harness: SqliteHarness, readers: StoreReads) -> None:
    end(harness, result=b'{"status":"ok","result":1}')
    end(harness)
    assert [row.result for row in (await page(readers)).rows] == [None, None]
    assert [row.result for row in (await page(readers, results=True)).rows] == [None, b'{"status":"ok","result":1}']


async def test_a_page_with_large_results_is_cut_and_goes_on(
    harness: SqliteHarness, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_list, "MAX_RESULT_BYTES", 5000)
    made = [end(harness, result=b'{"result":"%s"}' % (b"x" * 2000), stderr="y" * n) for n in (0, 0, 9000, 0, 0)][::-1]
    seen, sizes, cursor = [], [], None
    while True:
        found = await page(readers, results=True, cursor=cursor)
        seen += [row.job_id for row in found.rows]
        sizes.append(len(found.rows))
        cursor = found.cursor
        if cursor is None:
            break
    assert (seen, sizes) == (made, [2, 1, 2])
    assert len((await page(readers)).rows) == 5


async def test_attempts_that_ended_at_the_same_time_stand_once_each(
    harness: SqliteHarness, readers: StoreReads
) -> None:
    for _ in range(7):
        harness.insert(start())
    for claimed in harness.claim({"echo": 7}).claimed:
        harness.settle(claimed.job, stderr="same")
    index_all(harness)
    for more in ({}, {"query": "same"}):
        seen, cursor = [], None
        while cursor is not None or not seen:
            found = await page(readers, limit=3, cursor=cursor, **more)
            seen += [row.job_id for row in found.rows]
            cursor = found.cursor
        assert len(seen) == len(set(seen)) == 7


async def test_pages_hold_each_attempt_once_while_others_end(
    harness: SqliteHarness, readers: StoreReads, mixed: list[str]
) -> None:
    for more in ({}, {"query": "words"}):
        seen, cursor = [], None
        while cursor is not None or not seen:
            found = await page(readers, limit=5, cursor=cursor, **more)
            seen += [row.job_id for row in found.rows]
            cursor = found.cursor
            end(harness, stderr="words")
            index_all(harness)
        assert [one for one in seen if one in mixed] == mixed


async def test_the_total_is_capped(
    harness: SqliteHarness, readers: StoreReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_list, "MAX_TOTAL", 3)
    for n in range(5):
        end(harness, "echo" if n % 2 else "report", stderr="words")
        found = await page(readers)
        assert (found.total, found.total_capped) == (min(n + 1, 3), n + 1 > 3)
    index_all(harness)
    found = await page(readers, query="words")
    assert (found.total, found.total_capped) == (3, True)


@given(st.integers(-5, 40 * DAY_MILLIS), st.integers(0, 3 * DAY_MILLIS), st.floats(0, 1))
@example(0, DAY_MILLIS - 1, 1.0)
@example(DAY_MILLIS, DAY_MILLIS - 1, 1.0)
@example(5 * HOUR_MILLIS, 0, 0.0)
def test_every_moment_of_a_time_is_of_a_day_or_an_hour_that_is_named(since: int, length: int, share: float) -> None:
    until, at = since + length, max(since + int(length * share), 0)
    words = set(re.findall(r"[dh]\d+", days(since, until)))
    assert until < 0 or words & {f"d{at // DAY_MILLIS}", f"h{at // HOUR_MILLIS}"}
    around = {int(word[1:]) * (DAY_MILLIS if word[0] == "d" else HOUR_MILLIS) for word in words}
    assert all(since - HOUR_MILLIS < moment <= until for moment in around), "nothing far from it is read"


def test_a_time_too_long_for_its_days_is_not_named() -> None:
    assert days(0, attempt_list.FOREVER_MILLIS) == days(0, 402 * DAY_MILLIS) == days(5, 4 - HOUR_MILLIS) == ""
    assert days(0, 400 * DAY_MILLIS - 1).count("d") == 400


def cost(harness: SqliteHarness, name: str, **values: Any) -> int:
    """How many hundreds of steps SQLite's machine takes for a query."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    query = QUERIES[name]
    harness.connection.set_progress_handler(step, 100)
    harness.connection.execute(query.sql, query.bind(values)).fetchall()
    harness.connection.set_progress_handler(None, 100)
    return steps


PAGE = {"at": attempt_list.FOREVER_MILLIS, "below": attempt_list.FOREVER_MILLIS, "limit": 51}
TEXT = '({error stderr result} : ("words"))'


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("attempt_page", PAGE),
        ("attempt_page", {**PAGE, "plugin": "b"}),
        ("attempt_page", {**PAGE, "outcomes": '["failed"]'}),
        ("attempt_page", {**PAGE, "at": 500, "until": 500}),
        ("attempt_page", {**PAGE, "since": 300, "until": 310}),
        ("attempt_count", {"limit": 50}),
        ("attempt_count", {"limit": 50, "plugin": "c"}),
        ("search_page", {**PAGE, "match": TEXT}),
        ("search_page", {**PAGE, "below": 200, "match": TEXT}),
        ("search_count", {"limit": 50, "match": TEXT}),
        ("attempts_of_job", {"job_id": "j7"}),
        ("durations", {"limit": 50, "since": 0}),
        ("unindexed", {"after": 200, "limit": 50}),
        ("old_attempts", {"before": 9000, "limit": 50}),
    ],
)
def test_what_a_page_costs_does_not_grow_with_history(harness: SqliteHarness, name: str, more: dict[str, Any]) -> None:
    costs = []
    values = {
        **dict.fromkeys(("plugin", "command", "outcomes", "submitted_by")),
        "since": 0,
        "until": attempt_list.FOREVER_MILLIS,
    }
    for n in (1000, 5000):
        ends = range(0 if n == 1000 else 1000, n)
        rows = [(f"j{one}", "abcd"[one % 4], ("failed", "succeeded")[one % 2], one) for one in ends]
        harness.connection.executemany(
            "INSERT INTO attempts (job_id, attempt, plugin, command, submitted_by, created_at, generation, runner,"
            " started_at, ended_at, outcome, stderr)"
            " VALUES (?1, 1, ?2, 'poll', 'api', 0, 1, 'spawn', 0, ?4, ?3, 'words')",
            rows,
        )
        index_all(harness)
        costs.append(cost(harness, name, **{**values, **more}))
    assert costs[1] <= costs[0] * 1.5 + 5, costs


async def test_a_search_finds_whatever_had_ended_when_it_began(store: SqliteStore) -> None:
    for _ in range(3):
        await store.write(end_at_once)
    wanted = AttemptFilter(query=parse_query("broken"))
    assert (await store.logs(wanted, NOW)).total == 3
    assert await store.text_progress() == (3, 3)
    await store.write(end_at_once)
    assert (await store.logs(replace(wanted, query=parse_query("nowhere")), NOW)).total == 0
    assert await store.text_progress() == (4, 4)


async def test_a_search_that_would_have_to_index_too_long_says_so_and_gets_on(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ductile.store.sqlite.store.SEARCH_CATCH_UP_SECONDS", 0)
    monkeypatch.setattr("ductile.store.sqlite.search.indexer.BATCH_ATTEMPTS", 2)
    for _ in range(3):
        await store.write(end_at_once)
    wanted = AttemptFilter(query=parse_query("broken"))
    with pytest.raises(LogsNotIndexed, match="of 1 ended attempts") as refused:
        await store.logs(wanted, NOW)
    assert (refused.value.status, refused.value.retry_after) == (503, 10)
    assert (await store.logs(replace(wanted, query=None), NOW)).total == 3
    assert (await store.logs(wanted, NOW)).total == 3


def end_at_once(tx: Any) -> None:
    """A job that has ended with an attempt, in one operation."""
    accepted = insert_start(tx, start())
    tx.execute("start_attempt", id=accepted.job_id, attempt=0, now=tx.now, owner=tx.owner)
    tx.execute(
        "insert_attempt",
        **dict.fromkeys(("exit_code", "result", "stdout", "stderr", "logs")),
        **dict.fromkeys(("attempt", "created_at", "generation", "started_at", "ended_at"), 1),
        **dict.fromkeys(("plugin", "command", "submitted_by", "runner"), "echo"),
        job_id=new_id(),
        outcome="failed",
        error="broken",
    )
