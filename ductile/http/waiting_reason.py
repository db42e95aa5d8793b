"""Why a queued or held job does not run yet. Pure: a row, a snapshot and how busy the gateway is in, a reason out."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.clock import Millis, rfc3339
from ductile.model.job import State
from ductile.model.read_models import JobRow, JobView
from ductile.model.snapshot import Snapshot


class WaitingReason(StrEnum):
    """What keeps a job from running."""

    HELD = "held"
    PLUGIN_UNAVAILABLE = PLUGIN_UNAVAILABLE
    PAUSED = "paused"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    SCHEDULED = "scheduled"
    LANE_FULL = "lane_full"
    WORKERS_BUSY = "workers_busy"


class GatewayLoad(Struct, frozen=True, kw_only=True):
    """How busy the gateway is."""

    busy: Mapping[str, int]
    """Lane → its running attempts; a lane that is missing has none."""
    paused: bool
    stopping: bool
    now: Millis


def waiting_json(job: JobRow | JobView, snapshot: Snapshot, load: GatewayLoad) -> dict[str, Any] | None:
    """`{reason, message, until?}` of a queued or held job; None of any other, and of one that is about to start."""
    if job.state not in (State.QUEUED, State.HELD) or job.lane is None:
        return None
    reason, message = next(waiting_reasons(job, job.lane, snapshot, load), (None, ""))
    if reason is None:
        return None
    document: dict[str, Any] = {"reason": reason.value, "message": message}
    if job.state is State.QUEUED and job.run_at is not None and job.run_at > load.now:
        document["until"] = rfc3339(job.run_at)
    return document


def waiting_reasons(
    job: JobRow | JobView, lane: str, snapshot: Snapshot, load: GatewayLoad
) -> Iterator[tuple[WaitingReason, str]]:
    """All that keeps a job from running, each with a sentence of it, the weightiest first."""
    plugin = snapshot.plugins.get(lane)
    if plugin is None or job.command not in plugin.manifest.commands or job.held_reason == PLUGIN_UNAVAILABLE:
        message = f"{job.plugin}.{job.command} cannot run; a reload that brings it back releases the job"
        yield WaitingReason.PLUGIN_UNAVAILABLE, message
    if job.state is State.HELD:
        yield WaitingReason.HELD, f"held: {job.held_reason}"
    if load.stopping:
        yield WaitingReason.STOPPING, "the gateway is stopping; its next start goes on"
    if load.paused:
        yield WaitingReason.PAUSED, "the gateway is paused; `ductile system resume` goes on"
    if job.run_at is not None and job.run_at > load.now:
        if job.attempt:
            yield WaitingReason.BACKOFF, f"attempt {job.attempt} has failed; the next one starts after its backoff"
        yield WaitingReason.SCHEDULED, "the job is to start later"
    if plugin is not None and load.busy.get(lane, 0) >= plugin.parallelism:
        yield (
            WaitingReason.LANE_FULL,
            f"{count_attempts(plugin.parallelism)} of {lane} may run at once (`parallelism`) and so many do",
        )
    workers = snapshot.service.max_workers
    if sum(load.busy.values()) >= workers:
        yield (
            WaitingReason.WORKERS_BUSY,
            f"{count_attempts(workers)} may run at once (`service.max_workers`) and so many do",
        )


def count_attempts(number: int) -> str:
    """`1 attempt`, `2 attempts`."""
    return "1 attempt" if number == 1 else f"{number} attempts"
