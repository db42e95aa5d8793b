"""One attempt of one job: prepare the request, run the plugin, judge what came back, settle it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from ductile.dispatch.errors import DefinitionMissing, SealedByAnotherKey
from ductile.dispatch.judge import Judged
from ductile.dispatch.output_size import output_size
from ductile.dispatch.prepare import Prepared, prepare
from ductile.dispatch.program_verdict import judging
from ductile.dispatch.retry import chance
from ductile.dispatch.settle import Ending, EventsTooLarge, settlement
from ductile.dispatch.unseal import unseal, unsealed_claim
from ductile.errors import DuctileError
from ductile.flow.definition import load_graph
from ductile.model.clock import Clock
from ductile.model.encode import Unencodable, encode
from ductile.model.graph import Graph
from ductile.model.ids import new_id
from ductile.model.job import Claimed, Job, Outcome
from ductile.model.large_values import LARGE_BYTES, LargeValueThreads
from ductile.model.order import Settlement
from ductile.model.snapshot import Plugin, Snapshot
from ductile.observe.said import LiveLogs, Said
from ductile.plugin.environment import Environment, environment
from ductile.plugin.protocol import read_log
from ductile.plugin.runner.call import Call, Runner, Running, Stop
from ductile.plugin.runner.errors import SpawnFailed
from ductile.store.errors import Stale, StateTooLarge, StoreUnavailable
from ductile.store.settle import settle
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)

MANY_EVENTS = 20
"""Events above which their settlement is made off the loop."""

DEFINITIONS = 1024
"""Pinned definitions kept in memory; the rest are read again when needed."""

SETTLE_RETRY = 1.0
"""Seconds between tries to settle while the store cannot commit: a finished attempt is not forgotten."""

Settled = Callable[[str, str, str, float, float], None]
"""Told of each attempt: plugin, command, outcome, the seconds it took, and those that its job waited for it."""


def about(job: Job) -> dict[str, str | int | None]:
    """What every line of an attempt says."""
    return {
        "job_id": job.id,
        "attempt": job.attempt,
        "plugin": job.plugin,
        "command": job.command,
        "request_id": job.request_id,
    }


def unheard(*_attempt: object) -> None:
    """Nobody counts attempts."""


class Slot:
    """The place of one attempt; a stop that comes before its process has started is kept.

    `leave` is told, once or more, that the attempt needs its place no more.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self.leave = leave
        self.running: Running | None = None
        self.stopped: Stop | None = None
        self.claimed = 0.0
        """When its job was claimed, by the loop's clock: the deadline counts from there."""
        self.abandoned = asyncio.Event()

    def stop(self, reason: Stop) -> None:
        """End the attempt: its process group gets SIGTERM, after the grace SIGKILL."""
        self.stopped = self.stopped or reason
        if self.running is not None:
            self.running.stop(reason)
        if reason is Stop.LOST:
            self.abandoned.set()


class Attempts:
    """Runs attempts, with what they share: `instance` is the uuid that every plugin of this gateway carries."""

    def __init__(
        self,
        store: Store,
        runners: Mapping[str, Runner],
        clock: Clock,
        *,
        instance: str,
        environ: Mapping[str, str],
        settled: Settled | None = None,
        large_values: LargeValueThreads | None = None,
    ) -> None:
        self._store = store
        self._settled = settled or unheard
        self._runners = runners
        self._clock = clock
        self._instance = instance
        self._environ = environ
        self._graphs: dict[str, Graph] = {}
        self._environments: dict[tuple[int, str], Environment] = {}
        """(generation, plugin instance) → its variables."""
        self._large_values = large_values or LargeValueThreads()
        self._plain_text: dict[str, int] = {}
        """Plugin → the generation in which it was last warned of."""
        self.live = LiveLogs()
        """What the running attempts have said so far."""

    def apply(self) -> None:
        """Follow a reload: what is warm was made under the old configuration."""
        self._environments.clear()
        for runner in self._runners.values():
            runner.retire()

    async def close(self) -> None:
        """Let go of what is warm; no attempt runs any more."""
        for runner in self._runners.values():
            await runner.close()

    async def run(self, claimed: Claimed, snapshot: Snapshot, slot: Slot) -> None:
        """Run the claimed attempt to its settlement."""
        job = claimed.job
        slot.claimed = asyncio.get_running_loop().time()
        started_at = self._clock()
        try:
            claimed = unsealed_claim(claimed, snapshot.vault)
            graph, judged = await self._outcome(claimed, snapshot, slot)
        except SealedByAnotherKey as sealed:
            graph, judged = None, Judged(outcome=Outcome.FAILED, error=sealed.message, retry=False)
        ending = Ending(
            claimed=claimed,
            snapshot=snapshot,
            graph=graph,
            judged=judged,
            runner=judged.execution.runner if judged.execution else snapshot.plugins[job.plugin].runner,
            started_at=started_at,
            ended_at=self._clock(),
            chance=chance(),
        )
        await self._settle(ending, slot)
        self.live.ended(job.id)

    async def _outcome(self, claimed: Claimed, snapshot: Snapshot, slot: Slot) -> tuple[Graph | None, Judged]:
        """How the attempt ended, whatever happened, with the definition that its run is pinned to."""
        graph = None
        try:
            graph = await self._graph(claimed.job.definition, snapshot)
            return graph, await self._execute(claimed, snapshot, graph, slot)
        except (SpawnFailed, StoreUnavailable) as failure:
            return graph, Judged(outcome=Outcome.FAILED, error=failure.message)
        except DuctileError as failure:
            return graph, Judged(outcome=Outcome.FAILED, error=failure.message, retry=False)
        except Exception as bug:
            log.exception("attempt failed inside the gateway", **about(claimed.job))
            return graph, Judged(outcome=Outcome.FAILED, error=f"internal error: {bug!r}", retry=False)

    async def _execute(self, claimed: Claimed, snapshot: Snapshot, graph: Graph | None, slot: Slot) -> Judged:
        plugin = snapshot.plugins[claimed.job.plugin]
        size = len(claimed.event.payload) + len(claimed.context)
        if size <= LARGE_BYTES:
            prepared = prepare(claimed, plugin, graph, self._clock())
        else:
            prepared = await self._large_values.call(size, prepare, claimed, plugin, graph, self._clock())
        if slot.stopped is not None:
            outcome = Outcome.LOST if slot.stopped is Stop.LOST else Outcome.CANCELLED
            return Judged(outcome=outcome, error=f"{outcome} before it started")
        said = Said(job=claimed.job, runner=plugin.runner, generation=snapshot.generation, started_at=self._clock())
        call = self._call(said, snapshot, plugin, prepared, slot.claimed)
        self.live.began(said)
        slot.running = self._runners[plugin.runner].start(call)
        execution = await slot.running.wait()
        read, size = judging(plugin, claimed.job.command), output_size(execution)
        if size <= LARGE_BYTES:
            judged = read(execution, snapshot.redactor.clipped)
        else:
            judged = await self._large_values.call(size, read, execution, snapshot.redactor.clipped)
        if judged.plain_lines:
            self._warn_of_plain_text(snapshot.generation, claimed.job, judged.plain_lines)
        if not prepared.warnings:
            return judged
        warnings = tuple({**one, "message": snapshot.redactor.clipped(one["message"])} for one in prepared.warnings)
        return replace(judged, logs=(*warnings, *judged.logs))

    def _call(self, said: Said, snapshot: Snapshot, plugin: Plugin, prepared: Prepared, claimed: float) -> Call:
        job = said.job
        return Call(
            job_id=job.id,
            attempt=job.attempt,
            executable=plugin.executable,
            args=prepared.args,
            cwd=snapshot.root,
            env=self._environment(plugin, snapshot),
            stdin=prepared.stdin,
            timeout=prepared.timeout,
            kill_grace=snapshot.service.kill_grace,
            instance=self._instance,
            claimed=claimed,
            heard=partial(_hear, said),
            workers=plugin.workers,
            output=plugin.output,
            reads_frames=plugin.manifest.commands[job.command].program is None,
        )

    def _warn_of_plain_text(self, generation: int, job: Job, lines: int) -> None:
        """Once a plugin and generation."""
        if self._plain_text.get(job.plugin) != generation:
            self._plain_text[job.plugin] = generation
            log.warning(
                "a plugin prints plain text on stdout: the lines became log entries; notes belong on stderr",
                **about(job),
                lines=lines,
            )

    def _environment(self, plugin: Plugin, snapshot: Snapshot) -> Environment:
        key = snapshot.generation, plugin.name
        found = self._environments.get(key)
        if found is None:
            inherit = snapshot.service.inherit_env
            found = environment(plugin, inherit, instance=self._instance, own=self._environ)
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
            while len(self._graphs) >= DEFINITIONS:
                self._graphs.pop(next(iter(self._graphs)), None)
            self._graphs[definition] = graph
        return graph

    async def _settle(self, ending: Ending, slot: Slot) -> None:
        """Settle as it ended, or as a permanent failure where that cannot be written: no attempt stays unsettled."""
        try:
            judged = ending.judged
            size = output_size(judged.execution)
            if judged.response is not None and len(judged.response.events) > MANY_EVENTS:
                size = max(size, LARGE_BYTES + 1)
            small = size <= LARGE_BYTES
            value = (
                settlement(ending, new_id) if small else await self._large_values.call(size, settlement, ending, new_id)
            )
            await self._write(value, ending, slot)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job would run for ever
            await self._write(settlement(_failed(ending, _fault(ending, error)), new_id), ending, slot)

    async def _write(self, value: Settlement, ending: Ending, slot: Slot) -> None:
        """Write; while the store cannot commit, try until it can or the gateway gives the attempt up."""
        told = ""
        while True:
            try:
                writing = self._store.write(settle, value)
                self._store.expect_ready({child.plugin for child in value.children})
                # No process is left. The claim that takes this place is written behind the settlement, in one batch.
                slot.leave()
                await writing
            except Stale:
                log.warning("late result dropped", **about(ending.claimed.job))
                return
            except StoreUnavailable as unavailable:
                if unavailable.message != told:
                    told = unavailable.message
                    log.error("settling waits for the store", **about(ending.claimed.job), reason=told)
                if slot.abandoned.is_set():
                    return
                await _wait(slot.abandoned, SETTLE_RETRY)
            else:
                self._tell(ending, value)
                return

    def _tell(self, ending: Ending, value: Settlement) -> None:
        job = ending.claimed.job
        waited = (job.started_at or ending.started_at) - ending.claimed.ready_at
        seconds = (ending.ended_at - ending.started_at) / 1000
        self._settled(job.plugin, job.command, value.outcome.value, seconds, max(0, waited) / 1000)
        quiet = value.outcome is Outcome.SUCCEEDED
        if quiet and ending.snapshot.service.log_level != "debug":
            return
        say = log.debug if quiet else log.info
        say("attempt ended", **about(job), outcome=value.outcome.value, seconds=seconds, error=value.error)


def _hear(said: Said, frame: Mapping[str, Any]) -> None:
    """Takes a frame of a running attempt."""
    if "log" in frame:
        said.logs.append(read_log(frame["log"]))
        return
    try:
        encode(frame["progress"])
    except Unencodable as error:
        said.logs.append({"level": "warning", "message": f"a progress report cannot be shown: {error}"})
    else:
        said.progress = frame["progress"]


def _fault(ending: Ending, error: Exception) -> str:
    """What to say of an ending that cannot be settled as it is."""
    if isinstance(error, StateTooLarge):
        return error.message
    if isinstance(error, EventsTooLarge):
        return f"protocol error: {error.message}"
    if isinstance(error, Unencodable | RecursionError):
        return f"protocol error: the response cannot be carried on: {error}"
    job = ending.claimed.job
    log.error("settling failed inside the gateway", **about(job), exc_info=error)
    return f"internal error: {error!r}"


def _failed(ending: Ending, error: str) -> Ending:
    """The same ending, as a permanent failure, with what the plugin printed kept for diagnosis."""
    execution = ending.judged.execution
    stdout = execution.stdout.decode(errors="replace") if execution else None
    judged = replace(ending.judged, outcome=Outcome.FAILED, response=None, error=error, retry=False, stdout=stdout)
    return replace(ending, judged=judged)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
