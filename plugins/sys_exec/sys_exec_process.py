"""Runs one process in a group of its own and leaves nothing of the group behind."""

import codecs
import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

GRACE = 1.5
"""Seconds between SIGTERM and SIGKILL."""
DRAIN = 0.3
"""Seconds for output that is still on its way when the process has ended."""
CHUNK = 65_536
FLOOD = 64 * 1024 * 1024
"""Bytes of output after which the process is ended."""
PR_SET_PDEATHSIG = 1


class Stopped(Exception):
    """SIGTERM came: the gateway ends the job."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is to be run."""

    program: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes
    timeout: float
    stdout_max: int
    stderr_max: int


@dataclass(kw_only=True)
class Output:
    """The beginning of a stream."""

    most: int
    kept: bytearray = field(default_factory=bytearray)
    size: int = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self.kept += data[: self.most - len(self.kept)]

    @property
    def truncated(self) -> bool:
        return self.size > self.most

    @property
    def text(self) -> str:
        """As UTF-8; a character that the limit has cut is left out."""
        return codecs.getincrementaldecoder("utf-8")("replace").decode(self.kept, final=not self.truncated)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it went. `exit_code` is negative for a signal."""

    exit_code: int
    stdout: Output
    stderr: Output
    duration_ms: int
    timed_out: bool
    flooded: bool


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raises Stopped when SIGTERM comes."""

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is the tidying up
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(call: Call) -> Ended:
    """Run it to its end. Raises OSError where it cannot be started, Stopped; then no process of it is left."""
    begun = time.monotonic()
    # SIGTERM waits until the process is known, so that it can be ended, and again while it is ended.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        process = start(call)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            return Pump(call, process, begun).ended()
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            end(process)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def start(call: Call) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - the operator's own command; no shell
        call.argv,
        executable=call.program,
        cwd=call.cwd,
        env=dict(call.env),
        stdin=subprocess.PIPE if call.stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
        preexec_fn=prepare(),  # noqa: PLW1509 - there is one thread, and it calls nothing that could be locked
    )


def prepare() -> Callable[[], None]:
    """What the new process does first: it takes signals again, and dies with this one."""
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def first() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return first


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends what is left of the group. The process is reaped last, so that its number is nobody else's until then."""
    if not exited(process):
        signalled(process, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while not exited(process) and time.monotonic() < until:
            time.sleep(0.01)
    signalled(process, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def exited(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it has ended, and waits to be reaped."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def signalled(process: "subprocess.Popen[bytes]", number: int) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


class Pump:
    """Moves bytes in and out until the process has ended, its time is over or it has said too much."""

    def __init__(self, call: Call, process: "subprocess.Popen[bytes]", begun: float) -> None:
        self.process = process
        self.begun = begun
        self.until = begun + call.timeout
        self.stdin = memoryview(call.stdin)
        self.stdout = Output(most=call.stdout_max)
        self.stderr = Output(most=call.stderr_max)
        self.drained_by: float | None = None

    def ended(self) -> Ended:
        timed_out = flooded = False
        with selectors.DefaultSelector() as selector:
            for stream, output in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr)):
                register(selector, stream, selectors.EVENT_READ, output)
            if self.process.stdin is not None:
                register(selector, self.process.stdin, selectors.EVENT_WRITE, None)
            while not (timed_out or flooded or self.over(selector)):
                for key, _ in selector.select(0.02 if self.quiet(selector) else self.wait()):
                    self.move(selector, key)
                timed_out = time.monotonic() >= self.until and not exited(self.process)
                flooded = self.stdout.size + self.stderr.size > FLOOD
        duration = int((time.monotonic() - self.begun) * 1000)
        end(self.process)
        return Ended(
            exit_code=self.process.returncode,
            stdout=self.stdout,
            stderr=self.stderr,
            duration_ms=duration,
            timed_out=timed_out,
            flooded=flooded,
        )

    def wait(self) -> float:
        """Seconds until it is looked at again; a process that keeps its output open may end without a sign."""
        return max(0.0, min(0.1, self.until - time.monotonic()))

    def quiet(self, selector: selectors.BaseSelector) -> bool:
        return not selector.get_map()

    def over(self, selector: selectors.BaseSelector) -> bool:
        if not exited(self.process):
            return False
        if self.quiet(selector):
            return True
        self.drained_by = self.drained_by or time.monotonic() + DRAIN
        return time.monotonic() >= self.drained_by

    def move(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        descriptor = key.fd
        try:
            if key.data is None:
                self.stdin = self.stdin[os.write(descriptor, self.stdin[:CHUNK]) :]
                done = not self.stdin
            else:
                data = os.read(descriptor, CHUNK)
                key.data.add(data)
                done = not data
        except BlockingIOError:
            return
        except BrokenPipeError:
            done = True
        if done:
            selector.unregister(descriptor)
            if key.data is None and self.process.stdin is not None:
                self.process.stdin.close()


def register(selector: selectors.BaseSelector, stream: Any, event: int, data: Output | None) -> None:
    pipe: BinaryIO = stream
    os.set_blocking(pipe.fileno(), False)
    selector.register(pipe.fileno(), event, data)
