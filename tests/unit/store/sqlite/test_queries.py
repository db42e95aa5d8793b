"""Every statement has a name and a sentence, and the hot ones are index probes."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.store import SqliteHarness

import ductile.store
from ductile.store.sqlite.queries import QUERIES, multi_row_sql, parse

COLD = {
    "identify": "once at start",
    "schedules": "a handful of rows, read at start and at reload",
    "any_held": "a partial index",
    "depth": "one row a plugin, command and state",
    "all_counts": "as depth",
    "trim_counts": "as depth",
    "ended_since": "as depth, with a probe for each",
    "running_jobs": "a partial index, as long as what runs",
    "abandoned_jobs": "as running_jobs",
    "oldest_attempt": "the first row of the table",
    "old_attempts": "the first rows of the table, at most :limit",
    "trim_idempotency": "as old_attempts",
    "trim_journal": "as old_attempts",
    "free_segment_pages": "as old_attempts",
    "free_segment_terms": "as old_attempts",
    "words_of_attempt": "the values of one result",
    "segments": "one row a segment",
    "retired_segment": "as segments",
}
"""Queries that may scan, and why."""

TEXTS = {"states": "[]", "ids": "[]", "outcomes": "[]", "match": "word"}
"""Parameters whose text is read when the statement is prepared or begins."""

PASSES = (
    r"SCAN (lanes|causes|json_each|wanted|heads|given|h$|k|f|\d+ |CONSTANT|pragma|\(subquery"
    r"|(t|attempt_text) VIRTUAL TABLE INDEX \d+:[M=])"
)
"""Steps that read no more than what a probe found: rows of a subquery or a parameter, what a full text finds."""

STATEMENTS = sorted(name for name, query in QUERIES.items() if re.match("SELECT|UPDATE|DELETE|WITH", query.sql))


KIND = "(plugin=? AND command=? AND outcome=? AND submitted_by=? AND ended_at>? AND ended_at<?)"


def plan(harness: SqliteHarness, name: str) -> list[str]:
    query = QUERIES[name]
    values: dict[str, Any] = dict.fromkeys(query.parameters, 1)
    values |= {name: text for name, text in TEXTS.items() if name in values}
    rows = harness.connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", query.bind(values))
    return [row[3] for row in rows]


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_query_is_an_index_probe(harness: SqliteHarness, name: str) -> None:
    steps = plan(harness, name)
    scans = [step for step in steps if step.startswith("SCAN") and not re.match(PASSES, step)]
    if name not in COLD:
        allowed = (
            "USING INTEGER PRIMARY KEY",
            "jobs_waiting",
            "jobs_ready",
            "jobs_running",
            "COVERING INDEX attempts_kind",
        )
        scans = [step for step in scans if not any(word in step for word in allowed)]
        assert scans == [], steps


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("claim_heads", "jobs_ready (lane=?)"),
        ("find_duplicate", "jobs_dedupe (plugin=? AND command=? AND dedupe_key=?)"),
        ("find_idempotent", "idempotency"),
        ("finish_attempt", "sqlite_autoindex_jobs_1 (id=?)"),
        ("requeue_attempt", "sqlite_autoindex_jobs_1 (id=?)"),
        ("count_in_run", "sqlite_autoindex_jobs_1 (id=?)"),
        ("job_view", "sqlite_autoindex_attempts_1 (job_id=? AND attempt=?)"),
        ("step_views", "jobs_run (root_id=?)"),
        ("list_all", "sqlite_autoindex_jobs_1 (id>? AND id<?)"),
        ("list_open", "jobs_open (id>? AND id<?)"),
        ("count_all", "sqlite_autoindex_jobs_1 (id>?)"),
        ("count_open", "jobs_open (id>?)"),
        ("count_ended", "jobs_ended (plugin=? AND command=? AND state=? AND id>?)"),
        ("running_by_lane", "jobs_running"),
        ("list_ended", "jobs_ended (plugin=? AND command=? AND state=? AND id>? AND id<?)"),
        ("promote", "jobs_waiting (run_at<?)"),
        ("next_due", "jobs_waiting"),
        ("hold_lane", "jobs_ready (lane=?)"),
        ("release", "jobs_held (lane=? AND command=?)"),
        ("cancel_waiting_steps", "jobs_run (root_id=?)"),
        ("running_steps", "jobs_run (root_id=?)"),
        ("last_steps", "jobs_step (parent_id=?)"),
        ("old_roots", "jobs_old (ended_at>? AND ended_at<?)"),
        ("attempt_page", "attempts_kind ((plugin,command,outcome,submitted_by,ended_at)>(?,?,?,?,?))"),
        ("attempt_page", f"attempts_kind {KIND}"),
        ("attempt_count", "attempts_kind ((plugin,command,outcome,submitted_by,ended_at)>(?,?,?,?,?))"),
        ("attempt_count", f"attempts_kind {KIND}"),
        ("waiting_jobs", "jobs_open (id>? AND id<?)"),
        ("oldest_waiting", "jobs_ready (lane=? AND priority<?)"),
        ("oldest_waiting", "jobs_ready (lane>?)"),
        ("ended_since", "jobs_ended (plugin=? AND command=? AND state=? AND id>?)"),
        ("durations", "attempts USING INTEGER PRIMARY KEY (rowid>?)"),
        ("attempts_of_job", "sqlite_autoindex_attempts_1 (job_id=?)"),
        ("search_page", "t VIRTUAL TABLE INDEX 192:M4<"),
        ("search_page", "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)"),
        ("search_count", "t VIRTUAL TABLE INDEX 0:M4"),
        ("search_of_job", "t VIRTUAL TABLE INDEX 0:=M4"),
        ("unindexed", "INTEGER PRIMARY KEY (rowid>?)"),
        ("emitted", "events_job (job_id=?)"),
        ("started", "jobs_cause (cause_event_id=?)"),
    ],
)
def test_a_hot_query_uses_its_index(harness: SqliteHarness, name: str, index: str) -> None:
    steps = plan(harness, name)
    assert any(index in step for step in steps), steps


@pytest.mark.parametrize(
    "name", ["search_page", "claim_heads", "list_all", "list_open", "list_ended", "next_due", "find_duplicate"]
)
def test_what_is_read_in_order_is_not_sorted(harness: SqliteHarness, name: str) -> None:
    assert not [step for step in plan(harness, name) if "TEMP B-TREE" in step]


def test_sql_stands_nowhere_else() -> None:
    folder = Path(ductile.store.__file__).parent
    statement = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA)\b")
    assert [str(path) for path in folder.rglob("*.py") if statement.search(path.read_text())] == []


def test_every_query_is_used_and_every_used_one_is_there() -> None:
    folder = Path(ductile.store.__file__).parent
    source = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    used = set(re.findall(r'(?:execute|rows|row|_all|insert_deferred|_write|_on_segment)\(\s*"(\w+)"', source))
    used |= set(re.findall(r'QUERIES\["(\w+)"\]', source))
    assert used == set(QUERIES)


def test_a_query_is_read_with_its_sentence_and_its_parameters_in_order() -> None:
    fragment = "-- fragment: cols\n-- Columns.\na, b\n\n"
    text = f"{fragment}-- name: q\n-- Reads a thing.\nSELECT ${{cols}} FROM t WHERE a = :x AND b = :y AND c = :x;\n"
    query = parse(text)["q"]
    assert query.sql == "SELECT a, b FROM t WHERE a = ?1 AND b = ?2 AND c = ?1;"
    assert query.bind({"y": 2, "x": 1, "z": 3}) == (1, 2)
    assert query.comment == "Reads a thing."


def test_rows_are_written_by_one_statement() -> None:
    assert QUERIES["insert_context"].sql.endswith("VALUES (?1, ?2, ?3, ?4);")
    assert multi_row_sql("insert_context", 3).endswith(
        "VALUES (?1, ?2, ?3, ?4), (?5, ?6, ?7, ?8), (?9, ?10, ?11, ?12);"
    )
    with pytest.raises(ValueError, match="VALUES"):
        parse("-- rows: q\n-- Many.\nINSERT INTO t SELECT :a;\n")


def test_a_query_that_stands_twice_or_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse("-- name: q\n-- One.\nSELECT 1;\n-- name: q\n-- Two.\nSELECT 2;\n")
    with pytest.raises(ValueError, match="empty"):
        parse("-- name: q\n-- One.\n")
