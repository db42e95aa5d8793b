"""One attempt in the hands of a worker, or on its way to one."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ductile.plugin.runner.interface import Execution, RunnerCall, StopReason
from ductile.plugin.runner.output_budget import OutputBudget
from ductile.plugin.runner.output_buffer import HeadTailBuffer


class RequestHandler(Protocol):
    """Who works at a request."""

    def cancel(self, request: "WorkerRequest") -> None:
        """Asks for its end."""

    def recycle(self, reason: str, culprit: "WorkerRequest | None" = None) -> None:
        """Is ended itself."""


class WorkerRequest:
    """One attempt in the hands of a worker, or on its way to one."""

    def __init__(self, call: RunnerCall) -> None:
        self.call = call
        self.id = f"{call.job_id}/{call.attempt}"
        self.stopped: StopReason | None = None
        self.worker: RequestHandler | None = None
        self.why_waiting: Callable[[], str] | None = None
        """What keeps it from a worker, in words."""
        self.taken = asyncio.Event()
        """A worker has it."""
        self._loop = asyncio.get_running_loop()
        self._began = call.claimed or self._loop.time()
        self.budget = OutputBudget(call.output)
        self._logs: list[Any] = []
        self._plain_lines = 0
        self.stderr = HeadTailBuffer(call.output.max_stderr_bytes)
        self._result: Execution | Exception | None = None
        self._waiters: list[asyncio.Future[Execution | Exception]] = []
        self._timer = self._loop.call_at(self._began + call.timeout / 1000, self.stop, StopReason.TIMED_OUT)

    @property
    def line(self) -> bytes:
        """What the worker reads."""
        return b'{"id":"%s",' % self.id.encode() + self.call.stdin.lstrip()[1:].rstrip(b"\n") + b"\n"

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self._result is None

    async def wait(self) -> Execution:
        """How it ended. Raises SpawnFailed where no worker could be started.

        Each who waits has a future of its own, so that the request goes on where one of them is cancelled.
        """
        result = self._result
        if result is None:
            waiter: asyncio.Future[Execution | Exception] = self._loop.create_future()
            self._waiters.append(waiter)
            result = await waiter
        if isinstance(result, Exception):
            raise result
        return result

    def stop(self, reason: StopReason) -> None:
        """Asks the worker to end it; after the grace the worker itself is ended."""
        if self.stopped is not None or not self.open:
            return
        self.stopped = reason
        self._timer.cancel()
        if self.worker is None:
            self.end(stop=reason, fault=self.why_waiting() if self.why_waiting else None)
            return
        self._timer = self._loop.call_later(self.call.kill_grace / 1000, self._overdue)
        self.worker.cancel(self)

    def _overdue(self) -> None:
        if self.worker is not None:
            self.worker.recycle(f"it did not end {self.id} within the grace", culprit=self)

    def take_frame(self, value: Mapping[str, Any], length: int) -> None:
        """Takes a frame that was a line of `length` bytes; beyond the budget it is only counted."""
        self.budget.add_frame(length, log="log" in value)
        if self.budget.fault is not None:
            return
        if self.call.heard is not None:
            self.call.heard(value)
        if "log" in value:
            self._logs.append(value["log"])

    def take_text(self, text: str, length: int) -> None:
        """Takes a line of plain text as a log entry."""
        self._plain_lines += 1
        self.take_frame({"log": text}, length)

    def end(
        self,
        *,
        stdout: bytes = b"",
        answer: Mapping[str, Any] | None = None,
        exit_code: int = 0,
        stop: StopReason | None = None,
        fault: str | None = None,
        broken: bool = False,
    ) -> None:
        """It has ended; the first end counts. An answer that comes after a stop is one that came too late."""
        if not self.open:
            return
        self._timer.cancel()
        self.worker = self.why_waiting = None  # neither holds the other any longer: what they hold is free at once
        execution = Execution(
            exit_code=exit_code,
            stdout=stdout,
            answer=answer,
            stderr=self.stderr.value(),
            stop=stop or self.stopped,
            duration=round((self._loop.time() - self._began) * 1000),
            runner="persistent",
            fault=self.budget.fault or fault,
            broken=broken,
            logs=tuple(self._logs),
            plain_lines=self._plain_lines,
        )
        self._finish(execution)

    def fail(self, error: Exception) -> None:
        """It never began."""
        if self.open:
            self._timer.cancel()
            self.worker = self.why_waiting = None
            self._finish(error)

    def _finish(self, result: Execution | Exception) -> None:
        self._result = result
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(result)
        self._waiters.clear()
