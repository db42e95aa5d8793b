"""`service:`, `state:` and `environment_vars:`."""

import os
from typing import Annotated

from pydantic import (
    Field,
)

from ductile.config.field_types import Count, Duration, Name, NotYet, Size, Span, whole
from ductile.config.schema.section import Section
from ductile.config.schema.units import DAY, MINUTE, SECOND
from ductile.config.schema.value_types import Format, Level, Names, Owners, Texts
from ductile.document.field_errors import Flag
from ductile.model.output import DEFAULT_OUTPUT


def default_workers() -> int:
    """Attempts at once: twice the processors this process may use, and at least four."""
    return max(4, 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1))


class EnvironmentVars(Section):
    """`.env` files to read before expansion."""

    noun = "`environment_vars`"
    include: Texts = []
    """`.env` files, read before `${}` is expanded; the gateway's own environment wins over them."""


class OutputSection(Section):
    """What the output of one plugin may cost; an attempt that goes beyond is ended and fails for good."""

    noun = "`output`"
    max_stdout_bytes: Size = DEFAULT_OUTPUT.max_stdout_bytes
    """Bytes of stdout that an attempt may write."""
    max_stderr_bytes: Size = DEFAULT_OUTPUT.max_stderr_bytes
    """Bytes of stderr that are kept of an attempt, from both ends; the rest is read and dropped."""
    max_lines: Count = DEFAULT_OUTPUT.max_lines
    """Progress reports, log frames and lines of plain text that an attempt may write."""
    max_log_entries: Count = DEFAULT_OUTPUT.max_log_entries
    """Log entries that an attempt may make."""
    max_log_bytes: Size = DEFAULT_OUTPUT.max_log_bytes
    """Bytes of all log entries of an attempt together."""
    max_events: Count = DEFAULT_OUTPUT.max_events
    """Events in one response."""
    max_event_bytes: Size = DEFAULT_OUTPUT.max_event_bytes
    """Bytes of all events of a response together, the `result` counted in each."""
    max_values: Count = DEFAULT_OUTPUT.max_values
    """JSON values of a response, counted by the commas, colons and opening brackets outside of its texts."""
    max_idle_bytes: Size = DEFAULT_OUTPUT.max_idle_bytes
    """Bytes that a worker may write while it has no request; then it is replaced."""


class ServiceSection(Section):
    """The process as a whole."""

    noun = "`service`"
    name: Name = "ductile"
    """How this gateway calls itself in its log."""
    tick_interval: Span = MINUTE
    """How far the schedulers look ahead; no job waits for it."""
    log_level: Level = "info"
    """How much is logged."""
    log_format: Format = "json"
    """How a log line looks; `auto` is console on a terminal and json elsewhere."""
    dedupe_ttl: Duration = DAY
    """How long a dedupe key and an Idempotency-Key are remembered."""
    job_log_retention: Span = 30 * DAY
    """How long attempts, their results and logs are kept."""
    job_queue_retention: Span = 7 * DAY
    """How long finished jobs are kept; at least `dedupe_ttl`."""
    max_workers: Count = Field(default_factory=default_workers)
    """Attempts that run at once; twice the processors, at least 4, when absent."""
    kill_grace: Duration = 5 * SECOND
    """Between SIGTERM and SIGKILL for a plugin that is over its time."""
    drain_timeout: Duration = 30 * SECOND
    """How long a stopping gateway lets running attempts end."""
    max_hops: Annotated[int, whole(1)] = 20
    """Starts by events one after the other before a loop is assumed and refused."""
    inherit_env: Names = []
    """Variables of the gateway that every plugin gets besides the usual ones; `all` for every one."""
    strict_mode: Flag = False
    """Whether a plugin that cannot load keeps the gateway from starting, instead of only itself."""
    allow_symlinks: Flag = False
    """Whether plugin folders may be links inside a plugin root."""
    trusted_owners: Owners = []
    """Users, besides root and the gateway's own, whose plugin files may run."""
    watch: Flag = False
    """Whether a change of a file that was read reloads the configuration."""
    settle: Span = 500
    """How long no file may have changed before `watch` reloads, so that none is read half written."""
    output: OutputSection = OutputSection()
    """What the output of one attempt may cost; one that goes beyond is ended and fails for good."""
    admission: NotYet = None


class StateSection(Section):
    """Where jobs are kept."""

    noun = "`state`"
    path: Name | None = None
    """The database, relative to this file; `data/state.db` when absent. One gateway at a time holds it."""
    max_size: Size | None = None
    """What the database and its log may take; beyond it new work is refused with `storage_full`, and what was taken
    goes on. Without it the free space of the disk alone decides.
    """
    url: NotYet = None
