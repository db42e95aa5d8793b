"""What a worker says, and whose it is: greetings, answers, frames, and lines for people."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from ductile.model.output import OutputRules
from ductile.plugin.runner.idle_output import IdleOutput
from ductile.plugin.runner.interface import StopReason
from ductile.plugin.runner.line_buffer import LineBuffer
from ductile.plugin.runner.output_buffer import HeadTailBuffer
from ductile.plugin.runner.worker_greeting import read_greeting
from ductile.plugin.runner.worker_message import (
    AnswerLine,
    BrokenLine,
    FrameLine,
    Message,
    ObjectLine,
    is_answer,
    read_message,
)
from ductile.plugin.runner.worker_request import WorkerRequest

HELLO_RULE = "the worker's first line must have `ready: true`, `protocol: 2` and `concurrency` of 1 or more"

_SERVED_IDS = 256
"""Requests whose second answer is known for one."""


_BLANK_LINES_PER_LINE = 8
"""A blank line costs this part of another."""


class Host(Protocol):
    """The worker."""

    def read_waiting_notes(self) -> None:
        """Reads what it has written on stderr."""

    def on_greeting(self, heartbeat: float | None) -> None:
        """It is ready."""

    def on_answer(self) -> None:
        """A request has ended."""

    def recycle(self, reason: str, culprit: WorkerRequest | None = None, *, broken: bool = False) -> None:
        """Ends it."""


class Dialogue:
    """The requests that a worker has, and the lines that come back.

    A line that is nobody's own counts against all requests at work, or against the budget of idle time.
    """

    def __init__(self, host: Host, rules: OutputRules, idle: IdleOutput) -> None:
        self._host: Host | None = host
        self._rules = rules
        self._idle = idle
        self.requests: dict[str, WorkerRequest] = {}
        self.concurrency = 0
        """Requests that it takes at once; 0 until it is ready."""
        self.said = HeadTailBuffer(rules.max_stderr_bytes)
        """What it printed before it was ready."""
        self._served: deque[str] = deque(maxlen=_SERVED_IDS)
        self._lines = LineBuffer()
        self._deaf = False
        """It has printed too much; the rest is dropped."""

    def begin(self, request: WorkerRequest) -> None:
        """A request is handed over."""
        self._idle.reset()
        self.requests[request.id] = request

    def close(self) -> tuple[list[WorkerRequest], bytes]:
        """The worker is gone: what it has not answered, and the line that it has not ended."""
        self._idle.report_dropped()
        left = list(self.requests.values())
        self.requests.clear()
        self._host = None
        return left, self._lines.release()

    def take_output(self, chunk: bytes) -> int:
        """Takes what was read of stdout; how many lines of it had to be looked at."""
        if self._deaf:
            return 0
        if not self._lines and chunk.isspace():
            self._count(len(chunk))
            self._check_budgets()
            return 0
        lines = self._lines.take(chunk)
        blank = 0
        for line in lines:
            if line and not line.isspace():
                self._take(line)
            else:
                blank += 1
        if blank:
            self._count(blank)
        self._check_budgets()
        return len(lines) - blank + blank // _BLANK_LINES_PER_LINE

    def take_notes(self, chunk: bytes) -> None:
        """Takes what was read of stderr."""
        if self._deaf:
            return
        if not self.concurrency:
            self.said.take(chunk)
        for request in self.requests.values():
            request.stderr.take(chunk)
        if not self.requests:
            self._idle.add_bytes(len(chunk))
            self._check_budgets()
            if self.concurrency:
                self._idle.log(chunk)

    def _take(self, line: bytes) -> None:
        message = read_message(line, self._rules.max_values)
        match message:
            case AnswerLine() if (request := self._request_of(message.id)) is not None:
                request.budget.add_bytes(len(line))
                self._end(request, line, answer=message.value)
            case FrameLine() if (request := self._request_of(message.id)) is not None:
                request.budget.add_bytes(len(line))
                request.take_frame(message.value, len(line))
            case BrokenLine() if (request := self._request_of(message.id)) is not None:
                self._end(request, line)
            case ObjectLine() if not self.concurrency:
                self._greet(message.value, line)
            case _:
                self._take_stray(message, line)

    def _take_stray(self, message: Message, line: bytes) -> None:
        """A line that names no request at work."""
        match message:
            case ObjectLine() if is_answer(message.value) and self.requests:
                self._refuse(line, "it has no `id`, which says what it answers")
            case ObjectLine() if message.value.keys() == {"heartbeat"}:
                self._count(len(line) + 1)
            case FrameLine() | AnswerLine() if message.id in self._served:
                self._count(len(line) + 1)
                self._idle.log(line, "worker answered twice")
            case AnswerLine() if self.requests:
                self._refuse(line, "its `id` is of no request that the worker has")
            case FrameLine() | AnswerLine():
                self._count(len(line) + 1)
                self._idle.log(line, "worker answered nobody")
            case BrokenLine() if self.requests:
                self._refuse(line, None)
            case _:
                self._note(line)

    def _request_of(self, request_id: Any) -> WorkerRequest | None:
        return self.requests.get(request_id) if isinstance(request_id, str) else None

    def _greet(self, hello: Mapping[str, Any], line: bytes) -> None:
        if hello.get("ready") is not True:
            self._note(line)
            return
        greeting = read_greeting(hello)
        if greeting is None:
            self.said.take(line + b"\n")
            self._stop(HELLO_RULE)
            return
        self.concurrency = greeting.concurrency
        if self._host is not None:
            self._host.on_greeting(greeting.heartbeat)

    def _refuse(self, line: bytes, fault: str | None) -> None:
        """Something that was meant as an answer and is none: the one request that it can belong to fails."""
        if len(self.requests) > 1:
            self._note(line)
            return
        (request,) = self.requests.values()
        self._end(request, line, fault)

    def _end(
        self, request: WorkerRequest, line: bytes, fault: str | None = None, answer: Mapping[str, Any] | None = None
    ) -> None:
        """The response to a request has come, or what was meant to be one."""
        if self._host is not None:
            self._host.read_waiting_notes()  # what it noted before it answered
        del self.requests[request.id]
        self._served.append(request.id)
        request.end(stdout=line, answer=answer, fault=fault, broken=fault is not None)
        if self._host is not None:
            self._host.on_answer()

    def _note(self, line: bytes) -> None:
        """A line for people: a log entry of what is at work, else of the gateway."""
        self._count(len(line) + 1)
        if not self.concurrency:
            self.said.take(line + b"\n")
        text = line.decode(errors="replace").rstrip("\r")
        for request in self.requests.values():
            request.take_text(text, len(line))
        if not self.requests:
            self._idle.log(line)

    def _count(self, size: int) -> None:
        for request in self.requests.values():
            request.budget.add_bytes(size)
        if not self.requests:
            self._idle.add_bytes(size)

    def _check_budgets(self) -> None:
        """Ends it when it, or what it is at work on, has printed more than it may."""
        if len(self._lines) > (self._rules.max_stdout_bytes if self.requests else self._rules.max_idle_bytes):
            for request in self.requests.values():
                request.budget.add_bytes(len(self._lines))
            if not self.requests:
                self._idle.add_bytes(len(self._lines))
        over = [request for request in self.requests.values() if request.budget.fault is not None]
        fault = over[0].budget.fault if over else self._idle.fault
        if fault is not None:
            for request in over:
                request.stopped = request.stopped or StopReason.FLOODED
            self._stop(fault, over[0] if len(over) == 1 else None)

    def _stop(self, fault: str, culprit: WorkerRequest | None = None) -> None:
        """The worker is at fault: it is ended, and nothing that it says counts any more."""
        self._deaf = True
        self._lines.release()
        if self._host is not None:
            self._host.recycle(fault, culprit, broken=True)
