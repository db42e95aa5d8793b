"""History: each rate again with a million finished jobs in the database."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

from bench import place
from bench.measure import Budget, Row, middle
from bench.scenarios import ingest, latency
from support.gateway import Gateway

from ductile.store.fulltext import INDEXED
from ductile.store.queries import QUERIES

LEAST = 0.8
"""The part of a rate that must be left; of a time, the reverse."""

DAYS = 6
"""How long ago the oldest of them ended."""

# Ids are like the gateway's own: the time, then digits that differ. Result and payload are small, as most are.
_SERIES = """
    CREATE TEMP TABLE seeded AS
    WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :count),
    timed AS (SELECT n, :oldest + n * (:newest - :oldest) / :count AS at FROM series),
    parted AS (
        SELECT n, at, substr(printf('%012x', at), 1, 8) || '-' || substr(printf('%012x', at), 9) AS time FROM timed
    )
    SELECT
        n, at, time || printf('-7%03x-8001-%012x', n & 4095, n) AS id,
        time || printf('-7%03x-8000-%012x', n & 4095, n) AS event_id,
        CASE WHEN n % 3 THEN 'worker' ELSE 'shell' END AS plugin
    FROM parted
"""
_EVENTS = """
    INSERT INTO events (id, type, source, payload, created_at)
    SELECT event_id, 'api.trigger', 'api', CAST(json_object('n', n, 'text', hex(n * 7919)) AS BLOB), at FROM seeded
"""
_JOBS = """
    INSERT INTO jobs (
        id, root_id, plugin, command, lane, state, attempt, run_at, event_id, principal, submitted_by, created_at,
        started_at, ended_at
    )
    SELECT
        id, id, plugin, 'handle', plugin, 'succeeded', 1, at, event_id, 'admin', 'admin', at, at + 1, at + 3
    FROM seeded
"""
_ATTEMPTS = """
    INSERT INTO attempts (
        job_id, attempt, plugin, command, submitted_by, created_at, generation, runner, started_at, ended_at, outcome,
        exit_code, result
    )
    SELECT
        id, 1, plugin, 'handle', 'admin', at, 1, 'persistent', at + 1, at + 3, 'succeeded', 0,
        CAST(json_object('status', 'ok', 'result', 'done ' || n) AS BLOB)
    FROM seeded
"""
_COUNTS = """
    INSERT INTO counts (plugin, command, state, n)
    SELECT plugin, 'handle', 'succeeded', count(*) FROM seeded WHERE TRUE GROUP BY 1
    ON CONFLICT (plugin, command, state) DO UPDATE SET n = n + excluded.n
"""


def growth(settings: place.Settings) -> Iterator[Row]:
    """A figure is taken with the history, its bound without, on gateways that are otherwise the same."""
    jobs = settings.scaled(1_000_000, 20_000)
    found: dict[str, Row] = {}
    with _gateway() as grown:
        seed(grown, jobs)
        for _ in range(settings.rounds):
            with _gateway() as empty:
                without = _rates(empty.start(), settings)
                empty.stop()
            with_history = _rates(grown.start(), settings)
            grown.stop()
            for (what, unit), figure in with_history.items():
                budget = Budget(ratio_least=LEAST) if unit == "/s" else Budget(ratio_most=1 / LEAST)
                row = found.setdefault(
                    what,
                    Row(what=f"{jobs:,} finished jobs: {what}", unit=unit, bound="an empty database", budget=budget),
                )
                row.add(figure, without[what, unit])
        size = (grown.folder / "state.db").stat().st_size / 1e6
    for row in found.values():
        row.note = f"database of {size:,.0f} MB"
        yield row


def _gateway() -> AbstractContextManager[Gateway]:
    return place.gateway(start=False, pipelines=[latency.chain("chain", "worker", 2)])


def seed(one: Gateway, jobs: int) -> None:
    """Lets the gateway make its database, and puts finished jobs there, with their full text, as it would."""
    one.start()
    one.stop()
    newest = int(time.time() * 1000) - 60_000
    with closing(sqlite3.connect(one.folder / "state.db", isolation_level=None)) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY; BEGIN;")
        db.execute(_SERIES, {"count": jobs, "oldest": newest - DAYS * 86_400_000, "newest": newest})
        for statement in (_EVENTS, _JOBS, _ATTEMPTS, _COUNTS):
            db.execute(statement)
        ((through,),) = db.execute("SELECT max(rowid) FROM attempts")
        _run(db, "index_attempts", after=0, through=through)
        _run(db, "set_meta", key=INDEXED, value=str(through))
        db.execute("COMMIT")
        db.executescript("DROP TABLE seeded; PRAGMA wal_checkpoint (TRUNCATE);")


def _run(db: sqlite3.Connection, name: str, **values: Any) -> None:
    """Runs a statement of the store."""
    query = QUERIES[name]
    db.execute(query.sql, query.bind(values))


def _rates(one: Gateway, settings: place.Settings) -> dict[tuple[str, str], float]:
    """Each rate of a gateway that has just started."""
    found: dict[tuple[str, str], float] = {}
    with place.caller(one) as line:
        line.post("/system/pause")
        for connections in (1, 32):
            found[f"durable 202s, {connections} connection{'s' * (connections > 1)}", "/s"] = ingest.take(
                one.address, connections, settings.seconds
            )
        line.post("/queue/purge", {})
        line.post("/system/resume")
        for plugin, name, jobs in (
            ("shell", "shell", 3000),
            ("forked", "fork", 3000),
            ("worker", "persistent", 10_000),
        ):
            place.warm(one, plugin)
            found[f"{name} jobs", "/s"] = place.drain(one, plugin, settings.scaled(jobs, 200))
        before = place.newest(one)
        place.one_by_one(line, place.trigger("worker", query="?wait=10"), settings.scaled(200, 20))
        found["submitted to settled, p50, persistent", "ms"] = latency.grouped(latency.settling(one, before))
    found["synchronous pipeline of 2 steps, p50", "ms"] = middle(
        latency.run_times(one, "chain", settings.scaled(200, 20))
    )
    return found
