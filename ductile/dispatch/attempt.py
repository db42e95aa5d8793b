"""One attempt of one job: build the request, run the plugin, read the outcome, settle the attempt."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from ductile.dispatch.build_request import PluginRequest, build_request
from ductile.dispatch.errors import DefinitionMissing, SealedByAnotherKey
from ductile.dispatch.outcome import AttemptOutcome
from ductile.dispatch.output_size import output_size
from ductile.dispatch.program_outcome import outcome_reader
from ductile.dispatch.retry_policy import random_jitter
from ductile.dispatch.settlement import Ending, EventsTooLarge, build_settlement
from ductile.dispatch.unseal import unseal, unseal_claim
from ductile.errors import DuctileError
from ductile.flow.definition import load_graph
from ductile.model.clock import Clock
from ductile.model.encode import Unencodable, encode
from ductile.model.graph import Graph
from ductile.model.ids import new_id
from ductile.model.job import ClaimedJob, Job, Outcome
from ductile.model.large_values import LARGE_BYTES, LargeValueThreads
from ductile.model.snapshot import Plugin, Snapshot
from ductile.model.writes import Settlement
from ductile.observe.running_logs import RunningAttempt, RunningLogs
from ductile.plugin.environment import Environment, plugin_environment
from ductile.plugin.messages import read_log
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import Runner, RunnerCall, RunningCall, StopReason
from ductile.store.contract import Store
from ductile.store.errors import Stale, StateTooLarge, StoreUnavailable

log = structlog.get_logger(__name__)

LARGE_EVENT_COUNT = 20
"""Events above which their settlement is built in a thread."""

MAX_CACHED_DEFINITIONS = 1024
"""Pinned definitions in memory; others are read again when needed."""

SETTLE_RETRY_SECONDS = 1.0
"""Seconds between tries to settle a finished attempt while the store cannot commit."""

OnSettled = Callable[[str, str, str, float, float], None]
"""Called with each settled attempt: plugin, command, outcome, its seconds, and the seconds that its job waited."""


def log_fields(job: Job) -> dict[str, str | int | None]:
    """The fields of every log line about an attempt of this job."""
    return {
        "job_id": job.id,
        "attempt": job.attempt,
        "plugin": job.plugin,
        "command": job.command,
        "request_id": job.request_id,
    }


def ignore(*_attempt: object) -> None:
    """Ignore a settled attempt."""


class AttemptHandle:
    """Stops a running attempt; a stop before the start of its process is remembered.

    `release_slot` is called, once or more, when the attempt no longer needs its slot.
    """

    def __init__(self, release_slot: Callable[[], None]) -> None:
        self.release_slot = release_slot
        self.running: RunningCall | None = None
        self.stop_reason: StopReason | None = None
        self.claimed_at = 0.0
        """Time of the claim by the loop's clock, from which the deadline counts."""
        self.abandoned = asyncio.Event()

    def stop(self, reason: StopReason) -> None:
        """End the attempt: its process group gets SIGTERM, after the grace SIGKILL."""
        self.stop_reason = self.stop_reason or reason
        if self.running is not None:
            self.running.stop(reason)
        if reason is StopReason.LOST:
            self.abandoned.set()


class AttemptRunner:
    """Runs attempts. `instance` is the uuid that every plugin process of this gateway carries."""

    def __init__(
        self,
        store: Store,
        runners: Mapping[str, Runner],
        clock: Clock,
        *,
        instance: str,
        environ: Mapping[str, str],
        on_settled: OnSettled | None = None,
        large_values: LargeValueThreads | None = None,
    ) -> None:
        self._store = store
        self._on_settled = on_settled or ignore
        self._runners = runners
        self._clock = clock
        self._instance = instance
        self._environ = environ
        self._graphs: dict[str, Graph] = {}
        self._environments: dict[tuple[int, str], Environment] = {}
        """(generation, plugin instance) → its variables."""
        self._large_values = large_values or LargeValueThreads()
        self._plain_text_generation: dict[str, int] = {}
        """Plugin → the generation of its last warning about plain text."""
        self.running_logs = RunningLogs()
        """Logs and progress of the running attempts."""

    def apply(self) -> None:
        """Follow a reload: warm processes of the old configuration are retired."""
        self._environments.clear()
        for runner in self._runners.values():
            runner.retire()

    async def close(self) -> None:
        """Close the runners' warm processes, once no attempt runs."""
        for runner in self._runners.values():
            await runner.close()

    async def run(self, claimed: ClaimedJob, snapshot: Snapshot, handle: AttemptHandle) -> None:
        """Run the claimed attempt to its settlement."""
        job = claimed.job
        handle.claimed_at = asyncio.get_running_loop().time()
        started_at = self._clock()
        try:
            claimed = unseal_claim(claimed, snapshot.vault)
            graph, outcome = await self._outcome(claimed, snapshot, handle)
        except SealedByAnotherKey as sealed:
            graph, outcome = None, AttemptOutcome(kind=Outcome.FAILED, error=sealed.message, retry=False)
        ending = Ending(
            claimed=claimed,
            snapshot=snapshot,
            graph=graph,
            outcome=outcome,
            runner=outcome.execution.runner if outcome.execution else snapshot.plugins[job.plugin].runner,
            started_at=started_at,
            ended_at=self._clock(),
            jitter=random_jitter(),
        )
        await self._settle(ending, handle)
        self.running_logs.remove(job.id)

    async def _outcome(
        self, claimed: ClaimedJob, snapshot: Snapshot, handle: AttemptHandle
    ) -> tuple[Graph | None, AttemptOutcome]:
        """The outcome of the attempt, and the definition that its run is pinned to; raises nothing."""
        graph = None
        try:
            graph = await self._graph(claimed.job.definition, snapshot)
            return graph, await self._execute(claimed, snapshot, graph, handle)
        except (SpawnFailed, StoreUnavailable) as failure:
            return graph, AttemptOutcome(kind=Outcome.FAILED, error=failure.message)
        except DuctileError as failure:
            return graph, AttemptOutcome(kind=Outcome.FAILED, error=failure.message, retry=False)
        except Exception as bug:
            log.exception("attempt failed inside the gateway", **log_fields(claimed.job))
            return graph, AttemptOutcome(kind=Outcome.FAILED, error=f"internal error: {bug!r}", retry=False)

    async def _execute(
        self, claimed: ClaimedJob, snapshot: Snapshot, graph: Graph | None, handle: AttemptHandle
    ) -> AttemptOutcome:
        plugin = snapshot.plugins[claimed.job.plugin]
        size = len(claimed.event.payload) + len(claimed.context)
        if size <= LARGE_BYTES:
            request = build_request(claimed, plugin, graph, self._clock())
        else:
            request = await self._large_values.call(size, build_request, claimed, plugin, graph, self._clock())
        if handle.stop_reason is not None:
            kind = Outcome.LOST if handle.stop_reason is StopReason.LOST else Outcome.CANCELLED
            return AttemptOutcome(kind=kind, error=f"{kind} before it started")
        running = RunningAttempt(
            job=claimed.job, runner=plugin.runner, generation=snapshot.generation, started_at=self._clock()
        )
        call = self._build_call(running, snapshot, plugin, request, handle.claimed_at)
        self.running_logs.add(running)
        handle.running = self._runners[plugin.runner].start(call)
        execution = await handle.running.wait()
        read, size = outcome_reader(plugin, claimed.job.command), output_size(execution)
        if size <= LARGE_BYTES:
            outcome = read(execution, snapshot.redactor.clip)
        else:
            outcome = await self._large_values.call(size, read, execution, snapshot.redactor.clip)
        if outcome.plain_lines:
            self._warn_of_plain_text(snapshot.generation, claimed.job, outcome.plain_lines)
        if not request.warnings:
            return outcome
        warnings = tuple({**one, "message": snapshot.redactor.clip(one["message"])} for one in request.warnings)
        return replace(outcome, logs=(*warnings, *outcome.logs))

    def _build_call(
        self, running: RunningAttempt, snapshot: Snapshot, plugin: Plugin, request: PluginRequest, claimed_at: float
    ) -> RunnerCall:
        job = running.job
        return RunnerCall(
            job_id=job.id,
            attempt=job.attempt,
            executable=plugin.executable,
            args=request.args,
            cwd=snapshot.root,
            env=self._environment(plugin, snapshot),
            stdin=request.stdin,
            timeout=request.timeout,
            kill_grace=snapshot.service.kill_grace,
            instance=self._instance,
            claimed=claimed_at,
            heard=partial(_record_frame, running),
            workers=plugin.workers,
            output=plugin.output,
            reads_frames=plugin.manifest.commands[job.command].program is None,
        )

    def _warn_of_plain_text(self, generation: int, job: Job, lines: int) -> None:
        """Warn once for each plugin and generation."""
        if self._plain_text_generation.get(job.plugin) != generation:
            self._plain_text_generation[job.plugin] = generation
            log.warning(
                "a plugin prints plain text on stdout: the lines became log entries; notes belong on stderr",
                **log_fields(job),
                lines=lines,
            )

    def _environment(self, plugin: Plugin, snapshot: Snapshot) -> Environment:
        key = snapshot.generation, plugin.name
        found = self._environments.get(key)
        if found is None:
            inherit = snapshot.service.inherit_env
            found = plugin_environment(plugin, inherit, instance=self._instance, own=self._environ)
            self._environments[key] = found
        return found

    async def _graph(self, definition: str | None, snapshot: Snapshot) -> Graph | None:
        """The definition that the job's run is pinned to; None for a plain job."""
        if definition is None:
            return None
        graph = self._graphs.get(definition)
        if graph is None:
            document = await self._store.definition(definition)
            if document is None:
                raise DefinitionMissing(definition=definition)
            graph = load_graph(unseal(snapshot.vault, document, "definition of this run"))
            while len(self._graphs) >= MAX_CACHED_DEFINITIONS:
                self._graphs.pop(next(iter(self._graphs)), None)
            self._graphs[definition] = graph
        return graph

    async def _settle(self, ending: Ending, handle: AttemptHandle) -> None:
        """Settle the attempt, or settle a permanent failure where its outcome cannot be written."""
        try:
            outcome = ending.outcome
            size = output_size(outcome.execution)
            if outcome.response is not None and len(outcome.response.events) > LARGE_EVENT_COUNT:
                size = max(size, LARGE_BYTES + 1)
            small = size <= LARGE_BYTES
            value = (
                build_settlement(ending, new_id)
                if small
                else await self._large_values.call(size, build_settlement, ending, new_id)
            )
            await self._write_settlement(value, ending, handle)
        except Exception as error:  # noqa: BLE001 - an unsettled job would run for ever
            await self._write_settlement(
                build_settlement(_as_permanent_failure(ending, _settle_error(ending, error)), new_id), ending, handle
            )

    async def _write_settlement(self, value: Settlement, ending: Ending, handle: AttemptHandle) -> None:
        """Write the settlement; while the store cannot commit, try again until the gateway abandons the attempt."""
        logged_reason = ""
        while True:
            try:
                writing = self._store.settle(value)
                # The process has ended. The claim that takes this slot is written behind the settlement, in one batch.
                handle.release_slot()
                await writing
            except Stale:
                log.warning("late result dropped", **log_fields(ending.claimed.job))
                return
            except StoreUnavailable as unavailable:
                if unavailable.message != logged_reason:
                    logged_reason = unavailable.message
                    log.error("settling waits for the store", **log_fields(ending.claimed.job), reason=logged_reason)
                if handle.abandoned.is_set():
                    return
                await _wait_for_event(handle.abandoned, SETTLE_RETRY_SECONDS)
            else:
                self._report_settled(ending, value)
                return

    def _report_settled(self, ending: Ending, value: Settlement) -> None:
        job = ending.claimed.job
        waited = (job.started_at or ending.started_at) - ending.claimed.ready_at
        seconds = (ending.ended_at - ending.started_at) / 1000
        self._on_settled(job.plugin, job.command, value.outcome.value, seconds, max(0, waited) / 1000)
        quiet = value.outcome is Outcome.SUCCEEDED
        if quiet and ending.snapshot.service.log_level != "debug":
            return
        say = log.debug if quiet else log.info
        say("attempt ended", **log_fields(job), outcome=value.outcome.value, seconds=seconds, error=value.error)


def _record_frame(running: RunningAttempt, frame: Mapping[str, Any]) -> None:
    """Record a frame of a running attempt."""
    if "log" in frame:
        running.logs.append(read_log(frame["log"]))
        return
    try:
        encode(frame["progress"])
    except Unencodable as error:
        running.logs.append({"level": "warning", "message": f"a progress report cannot be shown: {error}"})
    else:
        running.progress = frame["progress"]


def _settle_error(ending: Ending, error: Exception) -> str:
    """The error of an ending that cannot be settled as it is."""
    if isinstance(error, StateTooLarge):
        return error.message
    if isinstance(error, EventsTooLarge):
        return f"protocol error: {error.message}"
    if isinstance(error, Unencodable | RecursionError):
        return f"protocol error: the response cannot be carried on: {error}"
    job = ending.claimed.job
    log.error("settling failed inside the gateway", **log_fields(job), exc_info=error)
    return f"internal error: {error!r}"


def _as_permanent_failure(ending: Ending, error: str) -> Ending:
    """The same ending as a permanent failure, with the plugin's stdout for diagnosis."""
    execution = ending.outcome.execution
    stdout = execution.stdout.decode(errors="replace") if execution else None
    outcome = replace(ending.outcome, kind=Outcome.FAILED, response=None, error=error, retry=False, stdout=stdout)
    return replace(ending, outcome=outcome)


async def _wait_for_event(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
