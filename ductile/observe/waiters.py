"""Callers that wait for the end of a job: woken by the commit that ends the job, never by polling."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ductile.model.notification import JobEnded, Notification
from ductile.model.principal import ALL_SCOPES, Principal
from ductile.observe.errors import TooManyWaiters, TooManyWaits

OPERATOR_SHARE_DIVISOR = 5
"""One in so many waits is reserved for principals with the scope `*`."""


class Waiters:
    """The waiting callers of each job. `wake` listens to the store's commits; everything happens on the loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[JobEnded]]] = {}
        self._views_wanted: set[str] = set()
        self._admitted = 0
        self._admitted_by_principal: Counter[str] = Counter()
        self._closing = asyncio.Event()

    def wake(self, signals: Sequence[Notification]) -> None:
        """Wake the callers whose job has ended."""
        if not self._waiting:
            return
        for signal in signals:
            if isinstance(signal, JobEnded):
                for future in self._waiting.get(signal.job_id, ()):
                    if not future.done():
                        future.set_result(signal)

    def wants_view(self, job_id: str) -> bool:
        """Whether a caller waits for the ended job's view. Any thread may ask."""
        return job_id in self._views_wanted

    def release_all(self) -> None:
        """Cancel every wait, now and later: the gateway stops, and its callers learn that their jobs go on."""
        self._closing.set()
        for future in [future for futures in self._waiting.values() for future in futures]:
            future.cancel()

    @contextmanager
    def admit(self, limit: int, principal: Principal, share: int) -> Iterator[None]:
        """Admit one of at most `limit` waiting callers, of which one principal may have `share`.

        Operators have no share, and some of the waits are theirs alone. Raises TooManyWaiters or TooManyWaits.
        """
        operator = ALL_SCOPES in principal.scopes
        if self._admitted >= (limit if operator else limit - limit // OPERATOR_SHARE_DIVISOR):
            raise TooManyWaiters(limit=limit)
        if not operator and self._admitted_by_principal[principal.id] >= share:
            raise TooManyWaits(limit=share, principal=principal.id)
        self._admitted += 1
        self._admitted_by_principal[principal.id] += 1
        try:
            yield
        finally:
            self._admitted -= 1
            self._admitted_by_principal[principal.id] -= 1
            if not self._admitted_by_principal[principal.id]:
                del self._admitted_by_principal[principal.id]

    @contextmanager
    def expect(self, job_id: str, *, with_view: bool = False) -> Iterator[asyncio.Future[JobEnded]]:
        """A future of the job's end, from now on; `with_view` adds the job's view. Cancelled by `release_all`.

        Expect a new job before it is submitted. For a job that exists already, read the store after this.
        """
        if with_view:
            self._views_wanted.add(job_id)
        future: asyncio.Future[JobEnded] = asyncio.get_running_loop().create_future()
        if self._closing.is_set():
            future.cancel()
        self._waiting.setdefault(job_id, []).append(future)
        try:
            yield future
        finally:
            futures = self._waiting[job_id]
            futures.remove(future)
            if not futures:
                del self._waiting[job_id]
                self._views_wanted.discard(job_id)
