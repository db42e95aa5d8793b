"""`plugins:` and `routes:`."""

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
)

from ductile.config.field_types import Count, Duration, Name, NotYet, Size, Span
from ductile.config.schema.section import Entries, Section, map_or_empty
from ductile.config.schema.units import SECOND
from ductile.config.schema.value_types import Names, Runner, Variables
from ductile.document.field_errors import Flag


class PluginOutputSection(Section):
    """The same for one plugin: what is absent is as `service.output` says."""

    noun = "`output`"
    max_stdout_bytes: Size | None = None
    """Bytes of stdout that an attempt may write."""
    max_stderr_bytes: Size | None = None
    """Bytes of stderr that are kept of an attempt, from both ends; the rest is read and dropped."""
    max_lines: Count | None = None
    """Progress reports, log frames and lines of plain text that an attempt may write."""
    max_log_entries: Count | None = None
    """Log entries that an attempt may make."""
    max_log_bytes: Size | None = None
    """Bytes of all log entries of an attempt together."""
    max_events: Count | None = None
    """Events in one response."""
    max_event_bytes: Size | None = None
    """Bytes of all events of a response together, the `result` counted in each."""
    max_values: Count | None = None
    """JSON values of a response, counted by the commas, colons and opening brackets outside of its texts."""
    max_idle_bytes: Size | None = None
    """Bytes that a worker may write while it has no request; then it is replaced."""


class Retry(Section):
    """How often and how soon a failed job is tried again."""

    noun = "`retry`"
    max_attempts: Count | None = None
    """How often a job is tried in all."""
    backoff_base: Duration = 30 * SECOND
    """The pause before the second try; it doubles with each one, and up to a quarter is added."""


class WorkersSection(Section):
    """When a worker of a persistent plugin is let go; its requests end first."""

    noun = "`workers`"
    max_jobs: Count | None = None
    """After so many requests."""
    max_age: Span | None = None
    """At this age."""
    max_rss: Size | None = None
    """When it holds so much memory."""


class ScheduleEntry(Section):
    """A command that runs at a fixed interval."""

    noun = "a schedule"
    id: Name = "default"
    """Its name beside the plugin's: `echo/default`."""
    every: Span
    """The interval, at least `1s`; it first fires one interval after it is first seen."""
    jitter: Duration = 0
    """Up to so much later, so that many schedules do not fire at once."""
    command: Name = "poll"
    """The plugin's command."""
    payload: Annotated[dict[str, Any], BeforeValidator(map_or_empty)] = {}
    """What the command is given."""
    cron: NotYet = None
    at: NotYet = None
    after: NotYet = None
    rrule: NotYet = None
    catch_up: NotYet = None
    if_running: NotYet = None
    only_between: NotYet = None
    timezone: NotYet = None
    not_on: NotYet = None


class PluginEntry(Section):
    """A plugin instance: a discovered plugin's settings, or with `uses` a second instance of one."""

    noun = "a plugin"
    enabled: Flag = True
    """Whether it runs; its jobs are held while it does not."""
    uses: Name | None = None
    """The plugin that this is a further instance of, with settings, state and limits of its own."""
    config: Annotated[dict[str, Any], BeforeValidator(map_or_empty)] = {}
    """What the plugin is given as its configuration."""
    env: Variables = {}
    """Environment variables for its process."""
    inherit_env: Names = []
    """Variables of the gateway that it gets besides the usual ones; `all` for every one."""
    parallelism: Count | None = None
    """Attempts of it that run at once."""
    schedules: Entries[ScheduleEntry] = []
    """When it runs by itself."""
    notify_on_complete: Flag = False
    """Whether pipelines with `on-hook` hear of its jobs."""
    retry: Retry = Retry()
    """How often and how soon a failed job is tried again."""
    max_attempts: Count | None = None
    """How often a job is tried in all. Short for `retry.max_attempts`."""
    timeout: Span | None = None
    """The longest any of its commands may take."""
    timeouts: Annotated[dict[str, Span], BeforeValidator(map_or_empty)] = {}
    """The longest one command may take, by its name."""
    runner: Runner = "auto"
    """How it is run: a process for each job, a fork of a warm interpreter, or workers that stay."""
    workers: WorkersSection = WorkersSection()
    """When a worker that stays is replaced."""
    output: PluginOutputSection = PluginOutputSection()
    """What its output may cost, where that differs from `service.output`."""
    circuit_breaker: NotYet = None
    max_outstanding_polls: NotYet = None
    run_as: NotYet = None
    requires_vault: NotYet = None
    vault_principal: NotYet = None


class RouteEntry(Section):
    """An event of one plugin that goes to another one's `handle`."""

    noun = "a route"
    source: Name = Field(alias="from")
    """The plugin that emits the event."""
    event_type: Name
    """The event's type."""
    to: Name
    """The plugin whose `handle` gets it."""
