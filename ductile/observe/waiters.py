"""Callers that wait for a job to end: told by the commit that ends it, never by looking again."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ductile.model.job import State
from ductile.model.signal import JobEnded, Signal
from ductile.observe.errors import TooManyWaiters


class Waiters:
    """Who waits for which job. `heard` is a listener of the store; everything happens on the loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[State]]] = {}
        self._seats = 0
        self._closing = asyncio.Event()

    def heard(self, signals: Sequence[Signal]) -> None:
        """Wake those whose job has ended."""
        if not self._waiting:
            return
        for signal in signals:
            if isinstance(signal, JobEnded):
                for future in self._waiting.get(signal.job_id, ()):
                    if not future.done():
                        future.set_result(signal.state)

    def release(self) -> None:
        """Give up every wait, now and later: the gateway stops, and its callers are told that their jobs go on."""
        self._closing.set()
        for future in [future for futures in self._waiting.values() for future in futures]:
            future.cancel()

    @contextmanager
    def seat(self, limit: int) -> Iterator[None]:
        """One of `limit` places for waiting callers. Raises TooManyWaiters where all are taken."""
        if self._seats >= limit:
            raise TooManyWaiters(limit=limit)
        self._seats += 1
        try:
            yield
        finally:
            self._seats -= 1

    @contextmanager
    def expect(self, job_id: str) -> Iterator[asyncio.Future[State]]:
        """A future of the state in which the job ends, from now on; cancelled when waiting is given up.

        Expect a new job before it is submitted. Of one that stands already, look at the store after this.
        """
        future: asyncio.Future[State] = asyncio.get_running_loop().create_future()
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
