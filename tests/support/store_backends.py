"""The stores that the contract's suite runs on, and a harness that speaks the contract alone."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ductile.model.claims import Claims, Gate
from ductile.model.clock import Clock
from ductile.model.filters import JobFilter
from ductile.model.job import AcceptedJob, ClaimedJob, EndedRoot, Job, State
from ductile.model.notification import JOURNAL_GREW, Notification
from ductile.model.read_models import JobView
from ductile.model.writes import Note, Start
from ductile.store.contract import Hooks, Store
from ductile.store.errors import Stale
from ductile.store.sqlite.store import SqliteStore
from support.store import settlement

MAX_ATTEMPTS = 1000


async def open_sqlite(folder: Path, clock: Clock, hooks: Hooks) -> Store:
    return await SqliteStore.open(folder / "state.db", clock=clock, hooks=hooks)


BACKENDS: Mapping[str, Callable[[Path, Clock, Hooks], Awaitable[Store]]] = {"sqlite": open_sqlite}
"""Each store by its name. A new one is added here, and all of `tests/conformance/store` runs on it."""


class StoreHarness:
    """A store with a clock that stands until it is moved."""

    store: Store

    def __init__(self) -> None:
        self.now = 1_000_000
        self.notifications: list[Notification] = []
        """What the last write has told, without the growth of the journal."""
        self.ended: list[EndedRoot] = []
        """The roots that hooks were asked about."""
        self.hooks: Hooks = lambda _ended: ()

    async def open(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder
        self.store = await BACKENDS[name](folder, lambda: self.now, self._ask_hooks)
        self.store.on_commit(self._note)

    async def reopen(self) -> None:
        """Another session on what the last one has left."""
        await self.store.close()
        await self.open(self._name, self._folder)

    def _ask_hooks(self, ended: EndedRoot) -> Sequence[Start | Note]:
        self.ended.append(ended)
        return self.hooks(ended)

    def _note(self, notifications: Sequence[Notification]) -> None:
        self.notifications += [one for one in notifications if one is not JOURNAL_GREW]

    async def insert(self, order: Start) -> AcceptedJob:
        self.notifications.clear()
        return await self.store.submit(order)

    async def claim(self, free: dict[str, int], total: int = MAX_ATTEMPTS, gate: Gate | None = None) -> Claims:
        self.notifications.clear()
        return await self.store.claim(free, total, gate or (lambda _job: None))

    async def claim_one(self, lane: str) -> ClaimedJob:
        (claimed,) = (await self.claim({lane: 1})).claimed
        return claimed

    async def settle(self, job: Job, state: State = State.SUCCEEDED, **more: Any) -> bool:
        """False: it came too late."""
        self.notifications.clear()
        try:
            await self.store.settle(settlement(job, state, **more))
        except Stale:
            return False
        return True

    async def cancel(self, job_id: str) -> State:
        self.notifications.clear()
        return await self.store.cancel(job_id)

    async def view(self, job_id: str) -> JobView:
        view = await self.store.job(job_id)
        assert view is not None, f"no job {job_id}"
        return view

    async def state(self, job_id: str) -> str:
        return (await self.view(job_id)).state.value

    async def steps(self, root_id: str) -> list[JobView]:
        """The steps of a run, by age."""
        views, _ = await self.store.tree(root_id)
        return views[1:]

    async def total(self) -> int:
        return len((await self.store.jobs(JobFilter(limit=MAX_ATTEMPTS))).rows)

    async def entries(self) -> list[tuple[str, str | None]]:
        """The kind and the job of every row of the journal."""
        return [(entry.kind, entry.job_id) for entry in await self.store.journal_after(0, MAX_ATTEMPTS)]

    async def counts_are_true(self) -> bool:
        """Whether the kept counts are those of the rows."""
        rows = (await self.store.jobs(JobFilter(limit=MAX_ATTEMPTS))).rows
        counted = Counter(row.state for row in rows)
        return await self.store.depth() == {state: counted[state] for state in State}
