"""Callers that wait for a job to end: told by the commit that ends it, never by looking again."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ductile.model.principal import ALL, Principal
from ductile.model.signal import JobEnded, Signal
from ductile.observe.errors import TooManyWaiters, TooManyWaits

OPERATOR_SHARE = 5
"""One place in so many is kept for principals with the scope `*`."""


class Waiters:
    """Who waits for which job. `heard` is a listener of the store; everything happens on the loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[JobEnded]]] = {}
        self._shown: set[str] = set()
        self._seats = 0
        self._seats_of: Counter[str] = Counter()
        self._closing = asyncio.Event()

    def heard(self, signals: Sequence[Signal]) -> None:
        """Wake those whose job has ended."""
        if not self._waiting:
            return
        for signal in signals:
            if isinstance(signal, JobEnded):
                for future in self._waiting.get(signal.job_id, ()):
                    if not future.done():
                        future.set_result(signal)

    def awaits(self, job_id: str) -> bool:
        """Whether somebody waits to be shown the job as it has ended. Any thread may ask."""
        return job_id in self._shown

    def release(self) -> None:
        """Give up every wait, now and later: the gateway stops, and its callers are told that their jobs go on."""
        self._closing.set()
        for future in [future for futures in self._waiting.values() for future in futures]:
            future.cancel()

    @contextmanager
    def seat(self, limit: int, principal: Principal, share: int) -> Iterator[None]:
        """One of `limit` places for waiting callers, of which one principal has `share` at most.

        Operators have no share, and some places are theirs alone. Raises TooManyWaiters or TooManyWaits.
        """
        operator = ALL in principal.scopes
        if self._seats >= (limit if operator else limit - limit // OPERATOR_SHARE):
            raise TooManyWaiters(limit=limit)
        if not operator and self._seats_of[principal.id] >= share:
            raise TooManyWaits(limit=share, principal=principal.id)
        self._seats += 1
        self._seats_of[principal.id] += 1
        try:
            yield
        finally:
            self._seats -= 1
            self._seats_of[principal.id] -= 1
            if not self._seats_of[principal.id]:
                del self._seats_of[principal.id]

    @contextmanager
    def expect(self, job_id: str, *, shown: bool = False) -> Iterator[asyncio.Future[JobEnded]]:
        """A future of the job's end, from now on; `shown`: with the job. Cancelled when waiting is given up.

        Expect a new job before it is submitted. Of one that stands already, look at the store after this.
        """
        if shown:
            self._shown.add(job_id)
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
                self._shown.discard(job_id)
