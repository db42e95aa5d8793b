"""What each section of the configuration may hold. Pipelines are the flow's own models."""

import os
import pwd
import re
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from ductile.config.address_checks import check_origin, check_proxy, check_unique, read_address, read_public_url
from ductile.config.field_types import Count, Duration, Moment, Name, NotYet, Size, Span, Text, one_of, whole
from ductile.document.field_errors import Flag, quote_value, value_error
from ductile.model.address import DEFAULT_LISTEN
from ductile.model.clock import Millis
from ductile.model.output import DEFAULT_OUTPUT

SECOND: Millis = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MEGABYTE = 1024 * 1024
OWN_VARIABLES = frozenset({"DUCTILE_INSTANCE", "DUCTILE_JOB_ID", "DUCTILE_ATTEMPT"})
"""What every plugin is started with; nobody else may set them."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

GONE = object()
"""Stands in a list for an entry that was reported and taken out, so that the others keep their places."""


class Section(BaseModel):
    """A map of known keys. A section that is written but empty is the same as one with no keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    noun: ClassVar[str] = "the configuration"
    """How a message names it: `x` is no key of <noun>."""

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value


def _kept(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return None if value is GONE else handler({} if value is None else value)


def _maps(value: Any) -> Any:
    return {} if value is None else value


def _lists(value: Any) -> Any:
    return [] if value is None else value


def _texts(value: Any) -> Any:
    return [text for text in value if text is not GONE] if isinstance(value, list) else _lists(value)


def default_workers() -> int:
    """Attempts at once: twice the processors this process may use, and at least four."""
    return max(4, 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1))


def _one_or_more(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _owner(value: Any) -> int:
    """The id of a user; a name or a number in text is looked up."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32:
        return value
    if isinstance(value, str) and value.isdecimal() and int(value) < 2**32:
        return int(value)
    try:
        return pwd.getpwnam(value).pw_uid
    except (KeyError, TypeError, ValueError):
        message = f"must be a user of this machine, by name or number, not {quote_value(value)}"
        raise value_error(message) from None


def _variables(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if name in OWN_VARIABLES:
            message = f"must not set `{name}`: the gateway sets it"
        elif not _VARIABLE.fullmatch(name):
            message = f"has {quote_value(name)}, which is no name of a variable"
        elif "\0" in value:
            message = f"has a NUL character in `{name}`"
        else:
            continue
        raise value_error(message)
    return env


Origins = Annotated[list[Annotated[str, BeforeValidator(check_origin)]], BeforeValidator(_texts)]
Owners = Annotated[
    list[Annotated[int, BeforeValidator(_owner, json_schema_input_type=str | int)]], BeforeValidator(_texts)
]
PublicUrl = Annotated[str, BeforeValidator(read_public_url)]
ProxyList = Annotated[list[Annotated[str, BeforeValidator(check_proxy)]], BeforeValidator(_texts)]
Texts = Annotated[list[Text], BeforeValidator(_texts)]
Names = Annotated[list[Name], BeforeValidator(_texts)]
Listen = Annotated[
    tuple[Annotated[str, BeforeValidator(read_address)], ...],
    AfterValidator(check_unique),
    BeforeValidator(_one_or_more, json_schema_input_type=str | list[str]),
]
Variables = Annotated[dict[Text, Text], AfterValidator(_variables), BeforeValidator(_maps)]
Runner = Annotated[str, one_of("auto", "spawn", "fork", "persistent")]
Level = Annotated[str, one_of("debug", "info", "warning", "error", warn="warning")]
Format = Annotated[str, one_of("json", "console", "auto", text="console")]


class EnvironmentVars(Section):
    """`.env` files to read before expansion."""

    noun = "`environment_vars`"
    include: Texts = []


class OutputSection(Section):
    """What the output of one plugin may cost; an attempt that goes beyond is ended and fails for good."""

    noun = "`output`"
    max_stdout_bytes: Size = DEFAULT_OUTPUT.max_stdout_bytes
    max_stderr_bytes: Size = DEFAULT_OUTPUT.max_stderr_bytes
    max_lines: Count = DEFAULT_OUTPUT.max_lines
    max_log_entries: Count = DEFAULT_OUTPUT.max_log_entries
    max_log_bytes: Size = DEFAULT_OUTPUT.max_log_bytes
    max_events: Count = DEFAULT_OUTPUT.max_events
    max_event_bytes: Size = DEFAULT_OUTPUT.max_event_bytes
    max_values: Count = DEFAULT_OUTPUT.max_values
    max_idle_bytes: Size = DEFAULT_OUTPUT.max_idle_bytes


class PluginOutputSection(Section):
    """The same for one plugin: what is absent is as `service.output` says."""

    noun = "`output`"
    max_stdout_bytes: Size | None = None
    max_stderr_bytes: Size | None = None
    max_lines: Count | None = None
    max_log_entries: Count | None = None
    max_log_bytes: Size | None = None
    max_events: Count | None = None
    max_event_bytes: Size | None = None
    max_values: Count | None = None
    max_idle_bytes: Size | None = None


class ServiceSection(Section):
    """The process as a whole."""

    noun = "`service`"
    name: Name = "ductile"
    tick_interval: Span = MINUTE
    log_level: Level = "info"
    log_format: Format = "json"
    dedupe_ttl: Duration = DAY
    job_log_retention: Span = 30 * DAY
    job_queue_retention: Span = 7 * DAY
    max_workers: Count = Field(default_factory=default_workers)
    kill_grace: Duration = 5 * SECOND
    drain_timeout: Duration = 30 * SECOND
    max_hops: Annotated[int, whole(1)] = 20
    inherit_env: Names = []
    strict_mode: Flag = False
    allow_symlinks: Flag = False
    trusted_owners: Owners = []
    watch: Flag = False
    settle: Span = 500
    output: OutputSection = OutputSection()
    admission: NotYet = None


class StateSection(Section):
    """Where jobs are kept."""

    noun = "`state`"
    path: Name | None = None
    max_size: Size | None = None
    url: NotYet = None


class Token(Section):
    """A bearer token."""

    noun = "a token"
    token: Text
    scopes: Names = []
    name: Name | None = None
    expires_at: Moment | None = None
    secret_ref: NotYet = None


class Auth(Section):
    """Who may call."""

    noun = "`api.auth`"
    tokens: Annotated[list[Annotated[Token | None, WrapValidator(_kept)]], BeforeValidator(_lists)] = []


class ApiSection(Section):
    """The HTTP side."""

    noun = "`api`"
    enabled: Flag = True
    listen: Listen = (DEFAULT_LISTEN,)
    auth: Auth = Auth()
    max_concurrent_sync: Count = 10
    max_waits_per_principal: Count | None = None
    max_streams_per_principal: Count = 200
    max_connections: Count | None = None
    max_connections_per_address: Count | None = None
    header_timeout: Span = 10 * SECOND
    body_timeout: Span = 30 * SECOND
    write_timeout: Span = 30 * SECOND
    keepalive_timeout: Span = 75 * SECOND
    max_sync_timeout: Span = 5 * MINUTE
    max_body_size: Size = MEGABYTE
    max_body_values: Count = 500_000
    allowed_origins: Origins = []
    metrics_public: Flag = True
    public_url: PublicUrl | None = None
    trusted_proxies: ProxyList = []
    management_socket: NotYet = None


class Retry(Section):
    """How often and how soon a failed job is tried again."""

    noun = "`retry`"
    max_attempts: Count | None = None
    backoff_base: Duration = 30 * SECOND


class WorkersSection(Section):
    """When a worker of a persistent plugin is let go; its requests end first."""

    noun = "`workers`"
    max_jobs: Count | None = None
    max_age: Span | None = None
    max_rss: Size | None = None


class ScheduleEntry(Section):
    """A command that runs at a fixed interval."""

    noun = "a schedule"
    id: Name = "default"
    every: Span
    jitter: Duration = 0
    command: Name = "poll"
    payload: Annotated[dict[str, Any], BeforeValidator(_maps)] = {}
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
    uses: Name | None = None
    config: Annotated[dict[str, Any], BeforeValidator(_maps)] = {}
    env: Variables = {}
    inherit_env: Names = []
    parallelism: Count | None = None
    schedules: Annotated[list[Annotated[ScheduleEntry | None, WrapValidator(_kept)]], BeforeValidator(_lists)] = []
    notify_on_complete: Flag = False
    retry: Retry = Retry()
    max_attempts: Count | None = None
    timeout: Span | None = None
    timeouts: Annotated[dict[str, Span], BeforeValidator(_maps)] = {}
    runner: Runner = "auto"
    workers: WorkersSection = WorkersSection()
    output: PluginOutputSection = PluginOutputSection()
    circuit_breaker: NotYet = None
    max_outstanding_polls: NotYet = None
    run_as: NotYet = None
    requires_vault: NotYet = None
    vault_principal: NotYet = None


class RouteEntry(Section):
    """An event of one plugin that goes to another one's `handle`."""

    noun = "a route"
    source: Name = Field(alias="from")
    event_type: Name
    to: Name


class Configuration(Section):
    """All sections, after includes, expansion and merging."""

    include: Texts = []
    environment_vars: EnvironmentVars = EnvironmentVars()
    service: ServiceSection = Field(default_factory=ServiceSection)
    state: StateSection = StateSection()
    api: Annotated[ApiSection | None, BeforeValidator(_maps)] = None
    """None: the section is not there, and nothing listens."""
    plugin_roots: Names = []
    plugins: Annotated[dict[str, PluginEntry], BeforeValidator(_maps)] = {}
    pipelines: Annotated[list[Any], BeforeValidator(_lists)] = []
    routes: Annotated[list[Annotated[RouteEntry | None, WrapValidator(_kept)]], BeforeValidator(_lists)] = []
    webhooks: NotYet = None
    tokens: NotYet = None
    instances: NotYet = None
    remote_ingress: NotYet = None
    secrets: NotYet = None
    accounts: NotYet = None
