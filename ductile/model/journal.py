"""The journal: the events of the gateway's life, in order. An entry holds ids and small facts, never payloads."""

from enum import StrEnum
from typing import Self

from msgspec import Struct

from ductile.model.clock import Millis


class EntryKind(StrEnum):
    """The kinds of entries, each with a description. The kind is the `type` of the entry in `GET /events`.

    An entry of a job also has the job's plugin, command and status.
    """

    description: str
    """When an entry of this kind is written, and the members of its data."""

    def __new__(cls, value: str, about: str) -> Self:
        """Make a kind with its dotted name as value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = about
        return member

    JOB_STARTED = "job.started", "An attempt of the job begins: `attempt`."
    JOB_REQUEUED = "job.requeued", "An attempt has ended and another one follows: `attempt`, `outcome`."
    JOB_HELD = "job.held", "The job waits until what holds it is gone: `reason`."
    JOB_ENDED = "job.ended", "The job or run has ended: `attempt`; its `status` is the end."
    LANE_HELD = "lane.held", "Waiting jobs of a plugin are held: `lane`, `reason`, `jobs` (how many)."
    LANE_RELEASED = "lane.released", "Held jobs of a command are queued again: `lane`, `command`, `jobs` (how many)."
    EVENT_RECEIVED = (
        "event.received",
        "An event was posted: `event_id`, `event_type`, `principal`, `started` (ids).",
    )
    SCHEDULE_SKIPPED = "schedule.skipped", "A due time passed while the job was outstanding: `schedule`, `due_at`."
    CONDITION_UNDECIDED = "pipeline.condition_undecided", "A pipeline's `if` could not be decided: `reason`."
    HOOKS_FAILED = "hooks.failed", "The gateway failed over the lifecycle hooks of the job; its log says how."
    PLUGIN_QUARANTINED = "plugin.quarantined", "A plugin cannot run: `plugin`, `reason`."
    PLUGIN_RETURNED = "plugin.returned", "A plugin that was quarantined can run again: `plugin`."
    PLUGIN_UNHEALTHY = "plugin.unhealthy", "A plugin's `init` or `health` has not succeeded: `plugin`, `command`."
    PLUGIN_HEALTHY = "plugin.healthy", "The bad word on a plugin's health holds no longer: `plugin`, `command`."
    CONFIG_RELOADED = (
        "config.reloaded",
        "The configuration was read: `cause`, `generation`, `changed`, `changes`.",
    )
    CONFIG_REFUSED = (
        "config.refused",
        "A reload was refused: `cause`, `message`, `errors` (how many).",
    )
    GATEWAY_STARTED = "gateway.started", "The gateway serves: `version`, `generation`."
    GATEWAY_STOPPING = (
        "gateway.stopping",
        "The gateway claims nothing more, and stops once what runs has ended.",
    )
    STORAGE_FULL = "storage.full", "There is no room left, and no new work is taken: `used`, `free` (bytes)."
    STORAGE_FREED = "storage.freed", "There is room again, and new work is taken: `used`, `free` (bytes)."
    GATEWAY_PAUSED = "gateway.paused", "Nothing is claimed until it is resumed, over restarts too."
    GATEWAY_RESUMED = "gateway.resumed", "Jobs are claimed again."


class JournalEntry(Struct, frozen=True, kw_only=True):
    """An entry, with the columns of its job while the job or its first attempt is stored."""

    seq: int
    """Rises by one with each entry; the oldest entries are trimmed."""
    at: Millis
    kind: str
    job_id: str | None
    data: bytes | None
    """One JSON object."""
    plugin: str | None
    command: str | None
    root_id: str | None
    parent_id: str | None
    step: str | None
