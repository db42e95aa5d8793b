"""The reading verbs of the SQLite store. Each call sees one state of the database, with every commit before it."""

from collections import defaultdict
from collections.abc import Sequence

import orjson

from ductile.model.clock import Millis
from ductile.model.event import Event
from ductile.model.filters import ALL_JOBS, AttemptFilter, JobFilter, WaitingFilter
from ductile.model.health import UnhealthyPlugin
from ductile.model.job import Job, State
from ductile.model.journal import JournalEntry
from ductile.model.read_models import AttemptPage, AttemptView, JobPage, JobView, SkipView
from ductile.model.statistics import Backlog, Recent
from ductile.store.analytics import backlog, recent
from ductile.store.job_list import list_jobs
from ductile.store.job_views import view_job, view_row
from ductile.store.meta import PAUSED_KEY
from ductile.store.plugin_health import END_KEY, FIRST_KEY, read_unhealthy
from ductile.store.rows import read_attempt, read_entry, read_event, read_job, read_view
from ductile.store.sqlite.attempt_list import list_attempts
from ductile.store.sqlite.read_pool import ReadPool, ReadTransaction
from ductile.store.sqlite.search.indexer import LARGE_ATTEMPT_BYTES, Words
from ductile.store.sqlite.search.segments import INDEXED_KEY
from ductile.store.transaction import Row

_WORDS = Words.__struct_fields__


class StoreReads:
    """The verbs of `contract.Reads`, on read-only connections."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self.session = ""
        """The session of this process, which owns the attempts that it starts."""

    async def close(self) -> None:
        """Ends the reading connections."""
        await self._pool.close()

    async def job(self, job_id: str) -> JobView | None:
        """One job with what it emitted, what started it and what it started; None where there is none."""
        return await self._pool.read(lambda reads: view_job(reads, job_id))

    async def root_with_event(self, job_id: str) -> tuple[Job, Event | None] | None:
        """The root of a job's run, or the job itself, and the event that started it; None where there is none."""
        return await self._pool.read(lambda reads: _root_with_event(reads, job_id))

    async def tree(self, job_id: str) -> tuple[list[JobView], list[SkipView]]:
        """A job's whole run, root first and then its steps by age, and its skipped steps; empty where there is none."""
        return await self._pool.read(lambda reads: _tree(reads, job_id))

    async def jobs(self, wanted: JobFilter = ALL_JOBS) -> JobPage:
        """A page of jobs, newest first."""
        return await self._pool.read(lambda reads: list_jobs(reads, wanted))

    async def depth(self) -> dict[State, int]:
        """How many jobs stand in each state; every state is named."""
        counts = dict.fromkeys(State, 0)
        counts.update({State(state): n for state, n in await self._all("depth")})
        return counts

    async def running_jobs(self) -> list[Job]:
        """Every job with a running attempt, oldest first; roots of runs have none."""
        return [read_job(row) for row in await self._all("running_jobs")]

    async def abandoned_jobs(self) -> list[Job]:
        """Every job with a running attempt of an earlier session, oldest first."""
        return [read_job(row) for row in await self._all("abandoned_jobs", owner=self.session)]

    async def running_by_lane(self) -> dict[str, int]:
        """How many attempts of each lane run."""
        return dict(await self._all("running_by_lane"))

    async def ready_lanes(self) -> frozenset[str]:
        """The lanes that have a job which may be claimed."""
        return frozenset(row[0] for row in await self._all("ready_lanes"))

    async def attempts(self, job_id: str) -> list[AttemptView]:
        """The ended attempts of a job, oldest first."""
        return [read_attempt(row) for row in await self._all("ended_attempts", job_id=job_id)]

    async def logs(self, wanted: AttemptFilter, now: Millis) -> AttemptPage:
        """A page of ended attempts, newest first. A search finds what was indexed."""
        return await self._pool.read(lambda reads: list_attempts(reads, wanted, now))

    async def waiting_jobs(self, wanted: WaitingFilter, above: str, below: str, limit: int) -> list[str]:
        """The ids of the next jobs between two ids that wait and are wanted, oldest first."""
        rows = await self._all(
            "waiting_jobs",
            plugin=wanted.plugin,
            command=wanted.command,
            pipeline=wanted.pipeline,
            states=orjson.dumps(wanted.states).decode(),
            above=above,
            below=below,
            limit=limit,
        )
        return [job_id for (job_id,) in rows]

    async def backlog(self) -> Backlog:
        """What waits and runs now."""
        return await self._pool.read(backlog)

    async def recent(self, since: Millis) -> Recent:
        """What has become of the jobs that were submitted since a time, and of all that have not ended."""
        return await self._pool.read(lambda reads: recent(reads, since))

    async def text_progress(self) -> tuple[int, int]:
        """The `seq` of the newest attempt, and of the last one that has its full text."""
        return await self._pool.read(_text_progress)

    async def large_text(self) -> Words | None:
        """The words of the next attempt that has no full text, where it is a large one."""
        return await self._pool.read(_large_text)

    async def journal_after(self, after: int, limit: int) -> list[JournalEntry]:
        """The next rows of the journal behind a number, oldest first."""
        return [read_entry(row) for row in await self._all("journal_after", after=after, limit=limit)]

    async def newest_entry(self) -> int:
        """The number of the journal's newest row; 0 while it is empty."""
        rows = await self._all("newest_entry")
        newest: int = rows[0][0]
        return newest

    async def held_bytes(self) -> int:
        """How many bytes of the database hold something."""
        held: int = (await self._all("held_bytes"))[0][0]
        return held

    async def meta(self, key: str) -> str | None:
        """A single value."""
        rows = await self._all("get_meta", key=key)
        return rows[0][0] if rows else None

    async def is_paused(self) -> bool:
        """Whether claiming is paused."""
        return await self.meta(PAUSED_KEY) == "1"

    async def unhealthy(self) -> list[UnhealthyPlugin]:
        """The plugins whose last `init` or `health` has not succeeded, absent ones too; by name."""
        return [read_unhealthy(row) for row in await self._all("failed_checks", low=FIRST_KEY, high=END_KEY)]

    async def definition(self, definition_hash: str) -> bytes | None:
        """A compiled pipeline, by its hash."""
        rows = await self._all("definition", hash=definition_hash)
        return rows[0][0] if rows else None

    async def _all(self, name: str, **values: str | int | None) -> Sequence[Row]:
        return await self._pool.read(lambda reads: reads.rows(name, **values))


def _root_with_event(reads: ReadTransaction, job_id: str) -> tuple[Job, Event | None] | None:
    row = reads.row("root_of_job", id=job_id)
    if row is None:
        return None
    event = reads.row("event", id=row[-1])
    return read_job(row), None if event is None else read_event(event)


def _tree(reads: ReadTransaction, job_id: str) -> tuple[list[JobView], list[SkipView]]:
    row = reads.row("root_view", id=job_id)
    if row is None:
        return [], []
    root = view_row(reads, row)
    steps = reads.rows("step_views", root_id=root.id)
    events: defaultdict[str | None, list[Event]] = defaultdict(list)
    for found in reads.rows("emitted_in_run", root_id=root.id) if steps else ():
        event = read_event(found)
        events[event.job_id].append(event)
    views = [root, *(read_view(step, tuple(events[step[0]]), None, ()) for step in steps)]
    skips = reads.rows("skips", root_id=root.id)
    return views, [
        SkipView(parent_id=skip[0], step=skip[1], reason=skip[2], condition=skip[3], values=skip[4]) for skip in skips
    ]


def _text_progress(reads: ReadTransaction) -> tuple[int, int]:
    newest = reads.row("newest_attempt")
    return newest[0] if newest else 0, _last_indexed(reads)


def _large_text(reads: ReadTransaction) -> Words | None:
    row = reads.row("unindexed", after=_last_indexed(reads), limit=1)
    if row is None or row[1] <= LARGE_ATTEMPT_BYTES:
        return None
    (found,) = reads.rows("words_of_attempt", id=row[0])
    return Words(**dict(zip(_WORDS, found, strict=True)))


def _last_indexed(reads: ReadTransaction) -> int:
    row = reads.row("get_meta", key=INDEXED_KEY)
    return int(row[0]) if row else 0
