"""What a runner is asked, what it answers, and what every runner has in common."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.output import DEFAULT_OUTPUT, OutputRules
from ductile.model.workers import DEFAULT_WORKERS, WorkerRules
from ductile.plugin.environment import Environment
from ductile.plugin.runner.frames import FrameListener


class StopReason(StrEnum):
    """Why an attempt was ended from outside."""

    CANCELLED = "cancelled"
    LOST = "lost"
    TIMED_OUT = "timed_out"
    FLOODED = "flooded"


class RunnerCall(Struct, frozen=True, kw_only=True):
    """One attempt to run. The executable is an absolute path; all variables the plugin sees come from `env`."""

    job_id: str
    attempt: int
    instance: str
    """The gateway's own uuid, as `env` carries it: what a sweep looks for."""
    executable: Path
    args: tuple[str, ...] = ()
    """Its arguments, which only the `spawn` runner passes on."""
    cwd: Path
    """Where the plugin starts. Free when it is the gateway's own working directory; else one more exec goes first."""
    env: Environment
    stdin: bytes
    """The request; the plugin may leave it unread."""
    timeout: Millis
    """From the claim to SIGTERM, whatever the attempt waits for meanwhile."""
    kill_grace: Millis
    """From SIGTERM to SIGKILL."""
    claimed: float = 0.0
    """When it was claimed, by the loop's clock; 0 for a call that is claimed as it starts."""
    heard: FrameListener | None = None
    """Is told what the plugin says on its way, as it says it."""
    workers: WorkerRules = DEFAULT_WORKERS
    """Of a persistent plugin."""
    output: OutputRules = DEFAULT_OUTPUT
    """What it may print."""
    reads_frames: bool = True
    """Whether lines of its stdout may be progress and log entries; those of a plain program are its result."""

    @property
    def variables(self) -> dict[str, str]:
        """All variables of the attempt's own process."""
        return self.env.of(self.job_id, self.attempt)


class Execution(Struct, frozen=True, kw_only=True):
    """How one attempt's process ended."""

    exit_code: int
    """The exit code, or minus the signal that killed it."""
    stdout: bytes
    """At most `max_stdout_bytes`; with `StopReason.FLOODED` there may have been more."""
    answer: Mapping[str, Any] | None = None
    """The value of `stdout`, where the runner has read it."""
    stderr: bytes
    """At most `max_stderr_bytes`: the beginning and the end, with a note of what was cut between them."""
    stop: StopReason | None
    """Why it was ended; None where it ended by itself."""
    duration: Millis
    before_stop: int = 0
    """Bytes of `stdout` that had come before the stop: an answer in them was in time."""
    fault: str | None = None
    """What the runner found wrong: with `StopReason.FLOODED` the budget that was used up, with `broken` the answer's
    fault, else what became of the worker.
    """
    broken: bool = False
    """It answered something that is no answer, as `fault` says: a protocol error."""
    logs: tuple[Any, ...] = ()
    """Log entries that are not in `stdout`, as they came."""
    plain_lines: int = 0
    """How many of them were lines of plain text."""
    runner: str = "spawn"
    """The runner that did it: `fork` spawns where it cannot fork."""


class RunningCall(Protocol):
    """An attempt at work. It ends by itself, at its deadline or by `stop`, whether or not anyone waits."""

    async def wait(self) -> Execution:
        """How it ended, once no process of it is left. May be called again, and cancelled without harm."""
        ...

    def stop(self, reason: StopReason) -> None:
        """Ends it: SIGTERM, `kill_grace`, SIGKILL. The first reason counts; once it has exited this does nothing."""
        ...


class Runner(Protocol):
    """One way to run a plugin."""

    def start(self, call: RunnerCall) -> RunningCall:
        """Starts the attempt, on the running loop; raises SpawnFailed."""
        ...

    def retire(self) -> None:
        """The configuration has changed: what is kept warm takes no more calls."""
        ...

    async def close(self) -> None:
        """Ends what is kept warm; no attempt runs any more."""
        ...
