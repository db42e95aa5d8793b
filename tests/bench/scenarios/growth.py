"""History: each rate again with a million finished jobs in the database, and what callers see of its trimming."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

from bench import place
from bench.measure import Budget, Row, middle, percentile
from bench.scenarios import ingest, latency
from support.gateway import Gateway

from ductile.store.sqlite.database import open_database
from ductile.store.sqlite.search import segments
from ductile.store.sqlite.transaction import SqliteTransaction

LEAST = 0.8
"""The part of a rate that must be left; of a time, the reverse."""

DAYS = 6
"""How long ago the oldest of them ended."""

LONGEST = 50
"""Milliseconds that nobody should wait longer for an answer because of what is trimmed."""

TRIMMED = {"job_queue_retention": "1h", "job_log_retention": "1h", "dedupe_ttl": "30m"}
"""Settings by which next to all of them go."""

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
        trimming = list(_trimming(grown, settings, jobs))
    for row in found.values():
        row.note = f"database of {size:,.0f} MB"
        yield row
    yield from trimming


def _gateway() -> AbstractContextManager[Gateway]:
    return place.gateway(start=False, pipelines=[latency.chain("chain", "worker", 2)])


def seed(one: Gateway, jobs: int) -> None:
    """Lets the gateway make its database, and puts finished jobs there, with their full text, as it would."""
    one.start()
    one.stop()
    newest = int(time.time() * 1000) - 60_000
    with closing(open_database(one.folder / "state.db")) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN;")
        db.execute(_SERIES, {"count": jobs, "oldest": newest - DAYS * 86_400_000, "newest": newest})
        for statement in (_EVENTS, _JOBS, _ATTEMPTS, _COUNTS):
            db.execute(statement)
        _index(SqliteTransaction(db))
        db.execute("COMMIT")
        db.executescript("DROP TABLE seeded; PRAGMA wal_checkpoint (TRUNCATE);")


def _index(tx: SqliteTransaction) -> None:
    """Writes the full text segment by segment."""
    while (at := segments.begin_segment_when_full(tx)).through < at.newest:
        through = min(at.newest, at.through + segments.SEGMENT_ATTEMPTS)
        tx.execute("index_attempts", after=at.through, through=through)
        tx.execute("set_meta", key=segments.INDEXED_KEY, value=str(through))


def _trimming(one: Gateway, settings: place.Settings, jobs: int) -> Iterator[Row]:
    """What a caller waits for an answer while next to all of it is trimmed, and how fast that goes. Taken once."""
    what, bound = f"{jobs:,} finished jobs are trimmed", "nothing is trimmed"
    before, _ = _answers(one, settings)
    place.configure(one, service=TRIMMED)
    times, beside = _answers(one, settings)
    note = f"{len(times):,} calls, one after the other"
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        yield Row(what=f"{what}: an answer meanwhile, {name}", unit="ms", bound=bound, note=note).add(
            percentile(times, part), percentile(before, part)
        )
    yield Row(what=f"{what}: the longest answer", unit="ms", bound=bound, budget=Budget(most=LONGEST), note=note).add(
        max(times), max(before)
    )
    yield Row(what=f"{what}: rows a second beside that caller", unit="/s").add(beside)
    left = _left(one)
    one.start()
    began = time.perf_counter()
    while time.perf_counter() < began + settings.seconds and not any(line["message"] == "trimmed" for line in one.log):
        time.sleep(0.05)
    yield Row(what=f"{what}: rows a second while nobody calls", unit="/s").add(
        (left - _left(one)) / (time.perf_counter() - began)
    )
    one.stop()


def _answers(one: Gateway, settings: place.Settings) -> tuple[list[float], float]:
    """The milliseconds of each answer of a gateway that has just started, and the rows that went in a second."""
    left = _left(one)
    one.start()
    with place.caller(one) as line:
        line.post("/system/pause")
        began = time.perf_counter()
        times = place.one_by_one(line, place.trigger("shell", ingest.BODY), settings.scaled(3000, 100), 202)
        gone = (left - _left(one)) / (time.perf_counter() - began)
        line.post("/queue/purge", {})
    one.stop()
    return times, gone


def _left(one: Gateway) -> int:
    """The finished jobs and their attempts that are there; those that nobody has asked for meanwhile."""
    ((count,),) = place.rows(
        one,
        "SELECT (SELECT coalesce(sum(n), 0) FROM counts WHERE state = 'succeeded') + count(*) FROM attempts",
    )
    return int(count)


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
